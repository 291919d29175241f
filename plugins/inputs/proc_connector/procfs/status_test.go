package procfs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const statusHead = "Name:\tping\nUmask:\t0022\nState:\tR (running)\nTgid:\t4711\nNgid:\t0\nPid:\t4711\nPPid:\t4710\nTracerPid:\t12\n"

func TestParseStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want Status
	}{
		"set-user-id program": {
			in:   statusHead + "Uid:\t1000\t0\t0\t0\nGid:\t1001\t1001\t1001\t1001\n",
			want: Status{Name: []byte("ping"), State: 'R', PPID: 4710, UID: 1000},
		},
		"largest user": {
			in:   statusHead + "Uid:\t4294967294\t0\t0\t0\n",
			want: Status{Name: []byte("ping"), State: 'R', PPID: 4710, UID: 4294967294},
		},
		"a name that tries to forge lines": {
			in:   "Name:\t\\nUid:\\t5\\\\\nState:\tZ (zombie)\nPPid:\t1\nTracerPid:\t0\nUid:\t7\t0\t0\t0\n",
			want: Status{Name: []byte("\nUid:t5\\"), State: 'Z', PPID: 1, UID: 7},
		},
		"an empty name": {
			in:   "Name:\t\nState:\tS (sleeping)\nPPid:\t0\nTracerPid:\t0\nUid:\t0\t0\t0\t0\n",
			want: Status{Name: make([]byte, 0), State: 'S'},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got Status
			require.NoError(t, ParseStatus([]byte(tt.in), &got))
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want.State == 'Z', got.Exiting())
		})
	}
	for name, in := range map[string]string{
		"empty":         "",
		"no user":       statusHead,
		"cut short":     statusHead + "Uid:\t10",
		"no number":     statusHead + "Uid:\tx\t0\t0\t0\n",
		"too large":     statusHead + "Uid:\t4294967296\t0\t0\t0\n",
		"no state":      "Name:\tx\nState:\t\n",
		"parent":        "Name:\tx\nState:\tS\nPPid:\t-1\nTracerPid:\t0\nUid:\t1\t1\n",
		"another order": "Name:\tx\nUid:\t1\t1\nState:\tS\nPPid:\t1\nTracerPid:\t0\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, ParseStatus([]byte(in), new(Status)), errStatus)
		})
	}
}

func TestParseStatusDoesNotAllocate(t *testing.T) {
	in := []byte(statusHead + "Uid:\t1000\t0\t0\t0\n")
	var st Status
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := ParseStatus(in, &st); err != nil {
			t.Fatal(err)
		}
	}))
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(statusHead + "Uid:\t1000\t0\t0\t0\n"))
	f.Add([]byte("Name:\t\\nUid:\\t5\\\\\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var st Status
		if ParseStatus(b, &st) == nil {
			require.GreaterOrEqual(t, st.PPID, int32(0))
			require.LessOrEqual(t, len(st.Name), len(b))
		}
	})
}

func BenchmarkParseStatus(b *testing.B) {
	in := []byte(statusHead + "Uid:\t1000\t0\t0\t0\n")
	var st Status
	for b.Loop() {
		if err := ParseStatus(in, &st); err != nil {
			b.Fatal(err)
		}
	}
}
