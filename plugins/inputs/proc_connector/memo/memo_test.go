package memo

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	var m Memo[string]
	made := 0
	upper := func(text string) string {
		made++
		return strings.ToUpper(text)
	}
	text := []byte("abc")
	for range 3 {
		require.Equal(t, "ABC", m.Get(text, upper))
	}
	require.Equal(t, 1, made)
	text[0] = 'x'
	require.Equal(t, "XBC", m.Get(text, upper))
	require.Equal(t, "ABC", m.Get([]byte("abc"), upper), "the text was copied")
	require.Equal(t, 2, made)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Get(text, upper) }))
}

// What a storm of new texts brings is not kept for ever, nor what is long.
func TestBounds(t *testing.T) {
	var m Memo[int]
	for i := range 3 * Limit {
		m.Get(strconv.AppendInt(nil, int64(i), 10), func(string) int { return i })
		require.LessOrEqual(t, len(m.known), Limit)
	}
	long := []byte(strings.Repeat("x", maxText+1))
	require.Equal(t, 1, m.Get(long, func(string) int { return 1 }))
	require.Equal(t, 2, m.Get(long, func(string) int { return 2 }))
	require.Equal(t, 3, m.Get(long[1:], func(string) int { return 3 }))
	require.Equal(t, 3, m.Get(long[1:], func(string) int { return 4 }))
}
