package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read returns the tests that end in the text, the one that does not, and the
// rest of the output. In the text "<" is the mark.
func read(text string) (ended []*result, unended *result, other string) {
	var r results
	for line := range strings.Lines(strings.ReplaceAll(text, "<", mark)) {
		if test := r.line(line); test != nil {
			ended = append(ended, test)
		}
	}
	return ended, r.end(), r.other.String()
}

func TestResults(t *testing.T) {
	ended, unended, other := read(`<=== RUN   TestOne
<=== RUN   TestOne/a_slash/here
    one_test.go:8: said by the subtest
half a line<=== NAME  TestOne
    one_test.go:9: said by the test
<=== RUN   TestOne/a_slash/here/below
<--- SKIP: TestOne/a_slash/here/below (0.25s)
<=== NAME  TestOne/a_slash/here
<--- FAIL: TestOne/a_slash/here (0.50s)
<=== NAME  TestOne
<--- FAIL: TestOne (1.00s)
<=== NAME  
<=== RUN   TestTwo
--- PASS: TestThree (0.00s)
<--- PASS: TestTwo (0.00s)
<=== NAME  
FAIL
`)
	require.Nil(t, unended)
	require.Equal(t, "FAIL\n", other)
	require.Len(t, ended, 2)

	one := ended[0]
	require.Equal(t, "TestOne", one.name)
	require.Equal(t, "FAIL", one.status)
	require.Equal(t, "1.00s", one.took)
	require.Equal(t, "    one_test.go:9: said by the test\n", one.output.String())
	require.Len(t, one.subs, 1)
	sub := one.subs[0]
	require.Equal(t, "a_slash/here", sub.name)
	require.Equal(t, "FAIL", sub.status)
	require.Equal(t, "    one_test.go:8: said by the subtest\nhalf a line", sub.output.String())
	require.Len(t, sub.subs, 1)
	require.Equal(t, "below", sub.subs[0].name)
	require.Equal(t, "SKIP", sub.subs[0].status)

	two := ended[1]
	require.Equal(t, "PASS", two.status)
	require.Equal(t, "--- PASS: TestThree (0.00s)\n", two.output.String(), "without a mark a test has printed it")
}

func TestResultsOfACrash(t *testing.T) {
	ended, unended, _ := read("<=== RUN   TestOne\n<=== RUN   TestOne/sub\npanic: out of order\n\ngoroutine 1 [running]:\n")
	require.Empty(t, ended)
	require.Equal(t, "TestOne", unended.name)
	require.Empty(t, unended.status)
	require.Equal(t, "panic: out of order\ngoroutine 1 [running]:\n", unended.subs[0].output.String())
}
