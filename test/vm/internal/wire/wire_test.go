package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	kind, words, ok := Parse(Line(End, "e2e", "ended by killed"))
	require.True(t, ok)
	require.Equal(t, End, kind)
	require.Equal(t, []string{"e2e", "ended by killed"}, words)

	kind, _, ok = Parse(Line(Off))
	require.True(t, ok)
	require.Equal(t, Off, kind)

	for _, line := range []string{"", "\n", "end e2e ok\n", "\x16=== RUN   TestSome\n", " " + Line(Off)} {
		_, _, ok = Parse(line)
		require.False(t, ok, "%q", line)
	}
}
