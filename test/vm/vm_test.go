package vm

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

func TestKernels(t *testing.T) {
	t.Parallel()
	image := image(t)
	images := make(map[string]string)
	for _, series := range kernels {
		images[series] = kernel(t, series)
	}
	for _, series := range kernels {
		t.Run(series, func(t *testing.T) {
			// An emulated guest keeps little more than one processor busy.
			t.Parallel()
			testKernel(t, series, images[series], image)
		})
	}
}

// testKernel runs the guest, and makes subtests of its tests as they end.
func testKernel(t *testing.T, series, kernel, image string) {
	t.Helper()
	lines := make(chan string, 100)
	var failure error
	go func() {
		defer close(lines)
		m := newMachine(kernel, image)
		failure = m.run(t, func(line string) { lines <- line })
	}()
	// Whatever happens here, the guest must come to its end.
	defer func() {
		for range lines {
		}
	}()

	var seen []string
	var began, ended moment
	for line := range lines {
		kind, words, ok := wire.Parse(line)
		switch {
		case !ok:
		case kind == wire.Kernel:
			t.Logf("Linux %s", words[0])
			require.True(t, strings.HasPrefix(words[0], series+"."))
			began = at(t, words[1])
		case kind == wire.Off:
			ended = at(t, words[0])
		case kind == wire.Begin:
			seen = append(seen, words[0])
			t.Run(words[0], func(t *testing.T) { testSuite(t, lines) })
		}
	}
	require.NoError(t, failure)

	planned := make([]string, 0, len(suites))
	for _, s := range suites {
		planned = append(planned, s.name())
	}
	require.Equal(t, planned, seen)
	// Where the kernel has got the speed of its clock wrong, as can happen on a
	// busy host, time limits mean nothing.
	require.InEpsilon(t, ended.host.Sub(began.host), ended.guest-began.guest, 0.1, "time that passed for the host, and for the guest")
}

// moment is a point in time by the clocks of the host and the guest.
type moment struct {
	host  time.Time
	guest time.Duration
}

// at is now, when the guest's clock shows so many nanoseconds.
func at(t *testing.T, clock string) moment {
	t.Helper()
	ns, err := strconv.ParseInt(clock, 10, 64)
	require.NoError(t, err)
	return moment{time.Now(), time.Duration(ns)}
}

// testSuite takes the lines of one run, up to its end.
func testSuite(t *testing.T, lines <-chan string) {
	t.Helper()
	var tests results
	ran := 0
	report := func(test *result) {
		if test != nil {
			ran++
			t.Run(test.name, func(t *testing.T) { testResult(t, test) })
		}
	}
	for line := range lines {
		kind, words, ok := wire.Parse(line)
		if !ok {
			report(tests.line(line))
			continue
		}
		report(tests.end())
		require.Equal(t, wire.End, kind)
		require.Positive(t, ran, "no test ran")
		if how := words[1]; how != "ok" {
			t.Errorf("In the guest: %s\n%s", how, tests.other.String())
		}
		return
	}
	report(tests.end())
	require.Fail(t, "The guest ended before these tests", tests.other.String())
}

// testResult is a test of the guest.
func testResult(t *testing.T, test *result) {
	t.Helper()
	for _, sub := range test.subs {
		t.Run(sub.name, func(t *testing.T) { testResult(t, sub) })
	}
	if test.output.Len() > 0 || !strings.HasPrefix(test.took, "0.") {
		t.Logf("%s in the guest\n%s", test.took, &test.output)
	}
	switch test.status {
	case "PASS":
		require.False(t, t.Failed(), "a test passed in the guest whose subtest failed")
	case "SKIP":
		t.SkipNow()
	case "FAIL":
		t.Fail()
	default:
		require.Fail(t, "The test did not end")
	}
}
