//go:build linux

package proc_connector

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// seeds is how many machines each of these tests makes up; more of them at times
// is what PROC_CONNECTOR_TEST_SEEDS is for.
var seeds = func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("PROC_CONNECTOR_TEST_SEEDS"), 10, 16); err == nil {
		return n
	}
	return 15
}()

// tracking returns a tracker of what happens on a machine.
func tracking(t *testing.T, m *machine, change func(p *ProcConnector)) *tracker {
	t.Helper()
	p := newPlugin(t)
	if change != nil {
		change(p)
	}
	require.NoError(t, p.Init())
	fs, err := procfs.Open(m.proc)
	require.NoError(t, err)
	tr := newTracker(p, fs, newEmitter(&testutil.Accumulator{}, nil, false, 1024))
	t.Cleanup(func() {
		tr.finish()
		require.NoError(t, fs.Close())
	})
	tr.clock.monotonic = func() uint64 { return m.now }
	tr.reader = modelledCatcher{m: m, late: tr.reader}
	require.NoError(t, tr.scan())
	return tr
}

// deliver hands over up to n events, and returns whether the queue is empty.
func (m *machine) deliver(tr *tracker, n int) bool {
	n = min(n, len(m.queue))
	for i := range n {
		tr.take(&m.queue[i])
	}
	m.queue = m.queue[n:]
	return len(m.queue) == 0
}

// settle lets the tracker come to a certain end: there are no more events.
func (m *machine) settle(tr *tracker) {
	m.deliver(tr, len(m.queue))
	missed := m.lost > 0
	m.lost = 0
	// What is found in one look is believed at the next. A gather looks at once.
	for range 3 {
		tr.looked = 0
		tr.emptied(missed, tr.clock.monotonic())
		missed = false
		m.now += uint64(lookMargin) + 1
	}
}

// resync is settle with the rebuilding of the table that is due after a loss.
func (m *machine) resync(tr *tracker) {
	tr.synced = 0
	m.settle(tr)
}

// requireSums fails the test unless the sums over all series are the counters of
// the host, and every process in the table is counted as running once.
func requireSums(t *testing.T, tr *tracker) {
	t.Helper()
	snap := tr.snapshot()
	var sum processes.Counts
	var running uint64
	for _, sample := range snap.series {
		sum.Add(&sample.Counts)
		running += sample.Running
	}
	host := snap.counters.Counts
	require.InDelta(t, host.Runtime, sum.Runtime, 0.001)
	host.Runtime, sum.Runtime = 0, 0
	require.Equal(t, host, sum)
	require.Equal(t, snap.processes, running)
}

// requireTotals fails the test unless the counters of the host say what has happened.
// Which changes of users and names are reported, the model leaves to others.
func requireTotals(t *testing.T, m *machine, tr *tracker) {
	t.Helper()
	got, want := tr.snapshot().counters, m.totals
	got.uidChanges, got.renames = 0, 0
	got.Runtime, want.Runtime = 0, 0 // of what ended late, the end is not known
	require.Equal(t, want, got, m.seed)
}

// requireRunning fails the test unless each command has as many processes as it
// has on the machine.
func requireRunning(t *testing.T, m *machine, tr *tracker) {
	t.Helper()
	got := make(map[string]uint64)
	for _, sample := range tr.snapshot().series {
		if sample.Running > 0 {
			got[sample.Key.Command] += sample.Running
		}
	}
	require.Equal(t, m.running(), got, m.seed)
}

// With events that come at once, everything is exact, command by command.
func TestExactWhenPrompt(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		tr := tracking(t, m, nil)
		for range 400 {
			m.step()
			m.settle(tr)
			requireSums(t, tr)
		}
		requireRunning(t, m, tr)
		requireTotals(t, m, tr)
		for _, sample := range tr.snapshot().series {
			want := processes.Counts{}
			if c := m.done[sample.Key.Command]; c != nil {
				want = *c
			}
			// Of the processes of before, /proc tells the start.
			require.InDelta(t, want.Runtime, sample.Counts.Runtime, 0.01, sample.Key.Command)
			want.Runtime = sample.Counts.Runtime
			require.Equal(t, want, sample.Counts, sample.Key.Command)
		}
	}
}

// With events that come late, it is not always known who did something, but
// what was done is, and who is running.
func TestExactWhenLate(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		tr := tracking(t, m, nil)
		for range 20 {
			for range 40 {
				m.step()
				m.deliver(tr, m.rnd.IntN(3))
				requireSums(t, tr)
			}
			m.settle(tr)
			requireSums(t, tr)
			requireTotals(t, m, tr)
			requireRunning(t, m, tr)
		}
	}
}

// With events that are lost, sums stay exact, and so is who is running as soon
// as the table was rebuilt.
func TestExactAfterLoss(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		m.loss = 0.1
		tr := tracking(t, m, nil)
		resyncs := uint64(0)
		for range 20 {
			for range 40 {
				m.step()
				if m.deliver(tr, m.rnd.IntN(4)) && m.rnd.IntN(4) == 0 {
					m.settle(tr)
				}
				requireSums(t, tr)
			}
			due := m.lost > 0 || tr.syncDue
			m.resync(tr)
			if due {
				require.Greater(t, tr.snapshot().resyncs, resyncs)
				resyncs = tr.snapshot().resyncs
			}
			requireSums(t, tr)
			requireRunning(t, m, tr)
		}
		require.NotZero(t, resyncs)
	}
}

// What happens while /proc is being read is told by events that were queued by
// then, and what catchers have read may be older than what the table says.
func TestExactWhileScanning(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		tr := tracking(t, m, nil)
		for range 20 {
			for range 20 {
				m.step()
				m.deliver(tr, m.rnd.IntN(3))
			}
			m.deliver(tr, len(m.queue))
			tr.clock.monotonic = func() uint64 {
				for range m.rnd.IntN(3) {
					m.step()
				}
				return m.now
			}
			tr.flush()
			require.NoError(t, tr.scan())
			tr.clock.monotonic = func() uint64 { return m.now }
			m.settle(tr)
			requireSums(t, tr)
			requireRunning(t, m, tr)
		}
	}
}

// However few series there may be, whichever are selected and expire.
func TestExactWhenCapped(t *testing.T) {
	moved := 0
	for seed := range seeds {
		m := newMachine(t, seed)
		m.loss = 0.02
		limit := 1 + m.rnd.IntN(6)
		tr := tracking(t, m, func(p *ProcConnector) {
			p.MaxCommands = limit
			p.CommandExpiry = config.Duration(time.Second)
			if seed%2 == 0 {
				p.CommandTags = []string{"user"}
			}
			if seed%3 == 0 {
				p.CommandExclude = []string{"c*", "_kernel"}
			}
		})
		seen := make(map[processes.Key]bool)
		for range 500 {
			m.step()
			m.now += m.rnd.Uint64N(uint64(time.Second) / 2)
			if m.deliver(tr, m.rnd.IntN(4)) && m.rnd.IntN(4) == 0 {
				m.resync(tr)
			}
			requireSums(t, tr)
			samples := tr.snapshot().series
			require.LessOrEqual(t, len(samples), limit+2)
			for _, sample := range samples {
				require.False(t, seed%3 == 0 && strings.HasPrefix(sample.Key.Command, "c"))
				seen[sample.Key] = true
			}
		}
		moved += max(0, len(seen)-limit-2)
	}
	require.Greater(t, moved, int(seeds), "places were given to others")
}
