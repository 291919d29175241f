package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func stormOf(key string) *Storm {
	for i := range storms {
		if storms[i].Key == key {
			return &storms[i]
		}
	}
	return nil
}

// good is a result in which everything holds.
func good() *Result {
	renames := func(cpu time.Duration) *sample {
		return &sample{sent: 1000, kept: 1000, cpu: cpu, stormCPU: time.Second}
	}
	lines := func(caught int) *sample {
		return &sample{sent: 6000, kept: 6000, execs: 2000, caught: caught, unresolved: 2000 - caught, stormCPU: time.Second}
	}
	return &Result{
		realtime: true,
		runs: []*runs{
			{receiver: receiver(floorKey), storm: stormOf("comm"), samples: []*sample{renames(100)}},
			{receiver: receiver(pluginKey), storm: stormOf("comm"), samples: []*sample{renames(120)}},
			{receiver: receiver(rivalKey), storm: stormOf("exec-dynamic-4"), samples: []*sample{lines(1999)}},
			{receiver: receiver(pluginKey), storm: stormOf("exec-dynamic-4"), samples: []*sample{lines(1999)}},
			{receiver: receiver(pluginKey), storm: stormOf("exec-1000"), samples: []*sample{lines(2000)}},
			{receiver: receiver(pluginKey), storm: stormOf("exec-static-1"), busy: true, samples: []*sample{lines(1998)}},
			{receiver: receiver(ordinaryKey), storm: stormOf("exec-dynamic-4"), samples: []*sample{lines(1500)}},
			{receiver: receiver(pluginKey), storm: stormOf("thread"), samples: []*sample{{sent: 2000, cpu: time.Millisecond, stormCPU: time.Second}}},
		},
		idle: []*idle{{took: time.Minute, cpu: 10 * time.Millisecond, switches: 60, rss: 20 << 20}},
	}
}

// Whatever of it does not hold is told, and nothing else.
func TestBroken(t *testing.T) {
	require.Empty(t, good().Broken())
	for want, spoil := range map[string]func(r *Result){
		"renames of one thread: lost in 1 of 1 rounds, 3 in ":  func(r *Result) { r.runs[1].samples[0].lost = 3 },
		"renames of one thread: lost in 1 of 1 rounds, 0 in ":  func(r *Result) { r.runs[1].samples[0].kept-- },
		"1.30 times the floor":                                 func(r *Result) { r.runs[1].samples[0].cpu = 130 },
		"dynamic, 4 parents: 99.90 % of the command lines":     func(r *Result) { fewer(r.runs[2], 3); fewer(r.runs[3], 1) },
		"99.95 % of the command lines were caught, and 100 %":  func(r *Result) { fewer(r.runs[2], -1) },
		"1,000 a second: 99.95 % of the command lines":         func(r *Result) { fewer(r.runs[4], 1) },
		"with all processors busy: 99.85 %":                    func(r *Result) { fewer(r.runs[5], 1) },
		"unresolved says 499, and 500 command lines":           func(r *Result) { r.runs[6].samples[0].unresolved-- },
		"1 events were lost and 0 metrics dropped":             func(r *Result) { r.runs[6].samples[0].lost = 1 },
		"cost the plugin 2.00 % of the storm's processor time": func(r *Result) { r.runs[7].samples[0].cpu = 20 * time.Millisecond },
		"takes 0.100 % of a processor":                         func(r *Result) { r.idle[0].cpu = 60 * time.Millisecond },
		"wakes up 3.0 times a second":                          func(r *Result) { r.idle[0].switches = 200; r.idle[0].events = 20 },
		"has 40 MiB in memory":                                 func(r *Result) { r.idle[0].rss = 40 << 20 },
	} {
		r := good()
		spoil(r)
		broken := r.Broken()
		require.Len(t, broken, 1, want)
		require.Contains(t, broken[0], want)
	}

	// Without the right to real time, what is caught is shown only.
	r := good()
	r.realtime = false
	fewer(r.runs[4], 500)
	require.Empty(t, r.Broken())
}

// fewer takes caught command lines away, and has the plugin know it.
func fewer(r *runs, n int) {
	r.samples[0].caught -= n
	r.samples[0].unresolved += n
}

func TestTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, good().Markdown(&out))
	require.Contains(t, out.String(), "| 1.20 × |")
	require.Contains(t, out.String(), "| 99.95 % (99.95 %) |")
	require.Contains(t, out.String(), "| 0.10 % of the storm's own, for 0 other events |")
	columns := 0
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| storm |") {
			columns = strings.Count(line, "|")
		}
	}
	require.Equal(t, 12, columns)
}

func TestNumbers(t *testing.T) {
	require.Equal(t, "100 %", percent(1))
	require.Equal(t, "99.99 %", percent(0.99999), "not all")
	require.Equal(t, "99.95 %", percent(0.9995))
	require.Equal(t, "1,000,000", thousands(1e6))
	require.Equal(t, "999", thousands(999))
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
}
