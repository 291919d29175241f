package procfs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const statusHead = "Name:\tping\nUmask:\t0022\nState:\tR (running)\nTgid:\t4711\nPid:\t4711\nPPid:\t4710\n"

func TestParseRealUID(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want uint32
	}{
		{"set-user-id program", statusHead + "Uid:\t1000\t0\t0\t0\nGid:\t1001\t1001\t1001\t1001\n", 1000},
		{"root", statusHead + "Uid:\t0\t0\t0\t0\n", 0},
		{"largest", statusHead + "Uid:\t4294967294\t0\t0\t0\n", 4294967294},
		{"name that tries to forge it", "Name:\ta\\nUid:\t5\t5\n" + statusHead + "Uid:\t1000\t0\t0\t0\n", 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseRealUID([]byte(tt.in))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for name, in := range map[string]string{
		"empty":     "",
		"no line":   statusHead,
		"cut short": statusHead + "Uid:\t10",
		"no number": statusHead + "Uid:\tx\t0\t0\t0\n",
		"too large": statusHead + "Uid:\t4294967296\t0\t0\t0\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseRealUID([]byte(in))
			require.ErrorIs(t, err, errStatus)
		})
	}
}
