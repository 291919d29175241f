package catcher

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{
		"0\n":       {0},
		"0-3":       {0, 1, 2, 3},
		"0,2-3,7\n": {0, 2, 3, 7},
	} {
		got, err := parseCPUs([]byte(list))
		require.NoError(t, err, list)
		require.Equal(t, want, got, list)
	}
	for _, list := range []string{"", "a", "-1", "3-1", "1-", "0,,1", "0-99999", "1:2"} {
		_, err := parseCPUs([]byte(list))
		require.ErrorIs(t, err, errCPUs, list)
	}
}

func upTo(n int) []int {
	cpus := make([]int, n)
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

func TestGroups(t *testing.T) {
	of := func(first, last uint32, pin ...int) group {
		return group{cpus: cnproc.CPURange{First: first, Last: last}, pin: pin}
	}
	for name, tt := range map[string]struct {
		online, allowed []int
		limit           int
		want            []group
	}{
		"one a CPU":              {upTo(2), upTo(2), 16, []group{of(0, 0, 0), of(1, lastCPU, 1)}},
		"groups":                 {upTo(6), upTo(6), 3, []group{of(0, 1, 0, 1), of(2, 3, 2, 3), of(4, lastCPU, 4, 5)}},
		"some are switched off":  {[]int{1, 4}, []int{1, 4}, 16, []group{of(0, 3, 1), of(4, lastCPU, 4)}},
		"may use the first only": {upTo(4), []int{0}, 16, []group{of(0, lastCPU, 0)}},
		"may use two of eight":   {upTo(8), []int{0, 1}, 16, []group{of(0, 3, 0, 1), of(4, lastCPU)}},
		"not even CPUs":          {nil, nil, 16, []group{of(0, lastCPU)}},
		"nothing is known":       {upTo(8), nil, 16, []group{of(0, lastCPU)}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, groups(tt.online, tt.allowed, tt.limit)) })
	}
}

// Each CPU that there may ever be belongs to one catcher, and each that runs and
// may be used carries one.
func TestGroupsCoverAll(t *testing.T) {
	for n := 1; n < 200; n++ {
		all := groups(upTo(n), upTo(n), maxCatchers)
		require.Len(t, all, min(n, maxCatchers))
		next, pinned := uint32(0), 0
		for _, g := range all {
			require.Equal(t, next, g.cpus.First)
			for _, cpu := range g.pin {
				require.GreaterOrEqual(t, uint32(cpu), g.cpus.First)
				require.LessOrEqual(t, uint32(cpu), g.cpus.Last)
				pinned++
			}
			next = g.cpus.Last + 1
		}
		require.EqualValues(t, lastCPU+1, next)
		require.Equal(t, n, pinned)
	}
}
