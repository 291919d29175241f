package procfs

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statLine is a stat file of Linux 6.12 around what a test is about.
func statLine(comm, state, ppid, flags, threads, start string) string {
	return "4711 (" + comm + ") " + state + " " + ppid + " 4711 4711 34816 4711 " + flags +
		" 1130 21790 0 31 4 2 64 12 20 0 " + threads + " 0 " + start +
		" 8478720 1399 18446744073709551615 94212 94213 140721 0 0 0 65536 3670020 1266777851 1 0 0 17 1 0 0 0 0 0 94214 94215 94216 1407 1408 1409 1410 0\n"
}

func TestParseStat(t *testing.T) {
	for _, tt := range []struct {
		name         string
		in           string
		want         Stat
		exiting      bool
		kernelThread bool
	}{
		{
			name: "shell",
			in:   statLine("bash", "S", "4710", "4194304", "1", "8812345"),
			want: Stat{Comm: []byte("bash"), State: 'S', PPID: 4710, Flags: 0x400000, Threads: 1, StartTime: 8812345},
		},
		{
			name: "name with parentheses, blanks and a line break",
			in:   statLine("a) Z 1 (b\n)) ", "R", "1", "64", "12", "7"),
			want: Stat{Comm: []byte("a) Z 1 (b\n)) "), State: 'R', PPID: 1, Flags: 64, Threads: 12, StartTime: 7},
		},
		{
			name: "name that is empty",
			in:   statLine("", "R", "1", "64", "1", "7"),
			want: Stat{Comm: make([]byte, 0), State: 'R', PPID: 1, Flags: 64, Threads: 1, StartTime: 7},
		},
		{
			name:    "zombie",
			in:      statLine("true", "Z", "4710", "4228100", "1", "9"),
			want:    Stat{Comm: []byte("true"), State: 'Z', PPID: 4710, Flags: 0x408404, Threads: 1, StartTime: 9},
			exiting: true,
		},
		{
			name:    "zombie by its state alone",
			in:      statLine("true", "Z", "4710", "0", "1", "9"),
			want:    Stat{Comm: []byte("true"), State: 'Z', PPID: 4710, Threads: 1, StartTime: 9},
			exiting: true,
		},
		{
			name:    "dead",
			in:      statLine("true", "X", "0", "0", "0", "9"),
			want:    Stat{Comm: []byte("true"), State: 'X', StartTime: 9},
			exiting: true,
		},
		{
			name:    "ending, not yet a zombie",
			in:      statLine("true", "R", "4710", "4194308", "1", "9"),
			want:    Stat{Comm: []byte("true"), State: 'R', PPID: 4710, Flags: 0x400004, Threads: 1, StartTime: 9},
			exiting: true,
		},
		{
			name:         "kernel thread",
			in:           statLine("kworker/0:1-events", "I", "2", "69238880", "1", "3"),
			want:         Stat{Comm: []byte("kworker/0:1-events"), State: 'I', PPID: 2, Flags: 0x4208060, Threads: 1, StartTime: 3},
			kernelThread: true,
		},
		{
			name:         "largest numbers",
			in:           statLine("x", "D", "2147483647", "4294967291", "2147483647", "18446744073709551615"),
			want:         Stat{Comm: []byte("x"), State: 'D', PPID: math.MaxInt32, Flags: 0xfffffffb, Threads: math.MaxInt32, StartTime: math.MaxUint64},
			kernelThread: true,
		},
		{
			name: "ends with the start time",
			in:   "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 42\n",
			want: Stat{Comm: []byte("init"), State: 'S', Flags: 0x400100, Threads: 1, StartTime: 42},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var st Stat
			require.NoError(t, ParseStat([]byte(tt.in), &st))
			require.Equal(t, tt.want, st)
			require.Equal(t, tt.exiting, st.Exiting())
			require.Equal(t, tt.kernelThread, st.KernelThread())
		})
	}
}

func TestParseStatMalformed(t *testing.T) {
	good := statLine("bash", "S", "1", "0", "1", "9")
	short, _, found := strings.Cut(good, " 9 ")
	require.True(t, found)
	for name, in := range map[string]string{
		"empty":                    "",
		"no name":                  "4711 bash S 1",
		"name without end":         "4711 (bash S 1",
		"parentheses reversed":     ")(",
		"nothing after the name":   "4711 (bash)",
		"no blank after it":        strings.Replace(good, ") ", ")", 1),
		"cut short":                short,
		"state of two letters":     statLine("bash", "SS", "1", "0", "1", "9"),
		"no state":                 statLine("bash", "", "1", "0", "1", "9"),
		"parent no number":         statLine("bash", "S", "x", "0", "1", "9"),
		"parent negative":          statLine("bash", "S", "-1", "0", "1", "9"),
		"parent too large":         statLine("bash", "S", "2147483648", "0", "1", "9"),
		"flags too large":          statLine("bash", "S", "1", "4294967296", "1", "9"),
		"threads no number":        statLine("bash", "S", "1", "0", "1x", "9"),
		"start too large":          statLine("bash", "S", "1", "0", "1", "18446744073709551616"),
		"start empty":              statLine("bash", "S", "1", "0", "1", ""),
		"a line break for a blank": strings.Replace(good, " S ", " S\n", 1),
		"a field empty":            strings.Replace(good, " 34816 ", "  ", 1),
	} {
		t.Run(name, func(t *testing.T) {
			var st Stat
			require.ErrorIs(t, ParseStat([]byte(in), &st), errStat)
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("bash", "S", "4710", "4194304", "1", "8812345")))
	f.Add([]byte(statLine("a) Z 1 (b\n", "Z", "1", "4", "0", "18446744073709551615")))
	f.Add([]byte("4711 (bash) S 1"))
	f.Add([]byte(")("))
	f.Add([]byte("() \xd3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var st Stat
		if ParseStat(b, &st) != nil {
			return
		}
		require.GreaterOrEqual(t, st.PPID, int32(0))
		require.GreaterOrEqual(t, st.Threads, int32(0))
		require.NotZero(t, cap(st.Comm), "the name is not part of what was parsed")
		require.Contains(t, string(b), "("+string(st.Comm)+") "+string([]byte{st.State, ' '}))
	})
}
