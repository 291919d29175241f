package catcher

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{
		"0":       {0},
		"0-3":     {0, 1, 2, 3},
		"0,2-3,7": {0, 2, 3, 7},
	} {
		got, err := parseCPUs(list)
		require.NoError(t, err, list)
		require.Equal(t, want, got, list)
	}
	for _, list := range []string{"", "a", "-1", "3-1", "1-", "0,,1", "0-99999", "1:2"} {
		_, err := parseCPUs(list)
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
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, machine{online: tt.online, allowed: tt.allowed}.groups(Auto, tt.limit))
		})
	}
}

// Each CPU that there may ever be belongs to one catcher, and each that runs and
// may be used carries one.
func TestGroupsCoverAll(t *testing.T) {
	for n := 1; n < 200; n++ {
		all := machine{online: upTo(n), allowed: upTo(n)}.groups(Auto, maxCatchers)
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

// sysfs makes a sysfs with the lists of CPUs.
func sysfs(t *testing.T, lists map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, list := range lists {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(list), 0o600))
	}
	return dir
}

func TestReadMachine(t *testing.T) {
	for name, tt := range map[string]struct {
		lists    map[string]string
		online   []int
		isolated []int
	}{
		"no sysfs":              {nil, nil, nil},
		"old kernel":            {map[string]string{onlineCPUs: "0-3\n"}, upTo(4), nil},
		"none isolated":         {map[string]string{onlineCPUs: "0-3\n", isolatedCPUs: "\n", nohzFullCPUs: "\n"}, upTo(4), nil},
		"none, an old way":      {map[string]string{onlineCPUs: "0-3\n", isolatedCPUs: "\n", nohzFullCPUs: "  (null)\n"}, upTo(4), nil},
		"isolcpus":              {map[string]string{onlineCPUs: "0-3\n", isolatedCPUs: "2-3\n"}, upTo(4), []int{2, 3}},
		"nohz_full":             {map[string]string{onlineCPUs: "0-3\n", nohzFullCPUs: "1\n"}, upTo(4), []int{1}},
		"both":                  {map[string]string{onlineCPUs: "0-3\n", isolatedCPUs: "3\n", nohzFullCPUs: "2-3\n"}, upTo(4), []int{2, 3}},
		"some are switched off": {map[string]string{onlineCPUs: "0-1,3\n", isolatedCPUs: "2-3\n"}, []int{0, 1, 3}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := readMachine(sysfs(t, tt.lists))
			require.NoError(t, err)
			require.NotEmpty(t, m.allowed)
			if tt.online == nil {
				tt.online = m.allowed
			}
			require.Equal(t, tt.online, m.online)
			require.Equal(t, tt.isolated, m.isolated)
		})
	}
	for _, lists := range []map[string]string{
		{onlineCPUs: "\n"},
		{onlineCPUs: "all\n"},
		{onlineCPUs: "0-3\n", isolatedCPUs: "some\n"},
		{onlineCPUs: "0-3\n", nohzFullCPUs: "2-\n"},
	} {
		_, err := readMachine(sysfs(t, lists))
		require.ErrorIs(t, err, errCPUs)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
}

// Isolated CPUs carry a catcher only where real time is asked for; each is heard
// in any case.
func TestIsolatedGroups(t *testing.T) {
	of := func(first, last uint32, pin ...int) group {
		return group{cpus: cnproc.CPURange{First: first, Last: last}, pin: pin}
	}
	// The kernel keeps isolcpus out of what a program inherits, and nohz_full not.
	for _, allowed := range [][]int{{0, 1, 4}, upTo(5)} {
		m := machine{online: upTo(5), isolated: []int{2, 3}, allowed: allowed}
		for _, s := range []Scheduling{Auto, Nice, Normal} {
			require.Equal(t, []group{of(0, 0, 0), of(1, 3, 1), of(4, lastCPU, 4)}, m.groups(s, 16), s)
		}
		require.Equal(t, []group{of(0, 0, 0), of(1, 1, 1), of(2, 2, 2), of(3, 3, 3), of(4, lastCPU, 4)}, m.groups(Realtime, 16))
		require.Equal(t, []group{of(0, 0, 0), of(1, lastCPU, 1, 4)}, m.groups(Auto, 2))
	}
	// Whoever was put there on purpose runs there.
	m := machine{online: upTo(5), isolated: []int{2, 3}, allowed: []int{3}}
	require.Equal(t, []group{of(0, lastCPU)}, m.groups(Auto, 16))
	require.Equal(t, setOf([]int{3}), m.allowedSet())
}

func TestCPUList(t *testing.T) {
	for want, cpus := range map[string][]int{
		"no CPU":         nil,
		"CPU 7":          {7},
		"CPUs 0-1":       {0, 1},
		"CPUs 0,2-5,7,9": {0, 2, 3, 4, 5, 7, 9},
	} {
		require.Equal(t, want, CPUList(cpus))
	}
}
