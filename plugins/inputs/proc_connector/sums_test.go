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

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// seeds is how many machines each of these tests makes up; more of them at times
// is what PROC_CONNECTOR_TEST_SEEDS is for.
var seeds = func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("PROC_CONNECTOR_TEST_SEEDS"), 10, 16); err == nil {
		return n
	}
	return 15
}()

// observed returns a collector that listens to a machine.
func observed(t *testing.T, m *machine, change func(p *ProcConnector)) *collector {
	t.Helper()
	p := newPlugin(t)
	if change != nil {
		change(p)
	}
	require.NoError(t, p.Init())
	fs, err := procfs.Open(m.proc)
	require.NoError(t, err)
	c := newCollector(p, fs, newEmitter(&testutil.Accumulator{}, nil, false, 1024))
	t.Cleanup(func() { require.NoError(t, c.finish()) })
	c.now = func() uint64 { return m.now }
	c.reader = modelledCatcher{m: m, late: c.reader}
	require.NoError(t, c.scan())
	return c
}

// deliver hands over up to n events, and returns whether the queue is empty.
func (m *machine) deliver(c *collector, n int) bool {
	n = min(n, len(m.queue))
	c.HandleEvents(m.queue[:n])
	m.queue = m.queue[n:]
	return len(m.queue) == 0
}

// settle lets the collector come to a certain end: there are no more events.
func (m *machine) settle(c *collector) {
	m.deliver(c, len(m.queue))
	c.exits.next = time.Time{}
	missed := cnproc.Missed{Lost: m.lost}
	m.lost = 0
	c.HandleEmpty(missed, c.now())
	m.now += uint64(lookMargin) + 1
	c.HandleEmpty(cnproc.Missed{}, c.now())
}

// resync is settle with the rebuilding of the table that is due after a loss.
func (m *machine) resync(c *collector) {
	c.synced = time.Time{}
	m.settle(c)
}

// requireSums fails the test unless the sums over all series are the counters of
// the host, and every process in the table is counted as running once.
func requireSums(t *testing.T, c *collector) {
	t.Helper()
	snap := c.snapshot()
	var sum series.Counts
	var running uint64
	for _, sample := range snap.series {
		sum.Add(&sample.Counts)
		running += sample.Running
	}
	sum.Runtime = 0
	require.Equal(t, series.Counts{
		Execs: snap.counters.execs, Exits: snap.counters.exits, ExitsFailed: snap.counters.exitsFailed,
		ExitsSignaled: snap.counters.exitsSignaled, Coredumps: snap.counters.coredumps,
	}, sum)
	require.Equal(t, snap.processes, running)
}

// requireRunning fails the test unless each command has as many processes as it
// has on the machine.
func requireRunning(t *testing.T, m *machine, c *collector) {
	t.Helper()
	got := make(map[string]uint64)
	for _, sample := range c.snapshot().series {
		if sample.Running > 0 {
			got[sample.Key.Command] += sample.Running
		}
	}
	require.Equal(t, m.running(), got)
}

// With events that come at once, everything is exact, command by command.
func TestExactWhenPrompt(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		c := observed(t, m, nil)
		for range 400 {
			m.step()
			m.settle(c)
			requireSums(t, c)
		}
		requireRunning(t, m, c)
		got := c.snapshot().counters
		got.uidChanges, got.renames = 0, 0
		require.Equal(t, m.totals, got)
		for _, sample := range c.snapshot().series {
			want := m.done[sample.Key.Command]
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
		c := observed(t, m, nil)
		for range 20 {
			for range 40 {
				m.step()
				m.deliver(c, m.rnd.IntN(3))
				requireSums(t, c)
			}
			m.settle(c)
			requireSums(t, c)
			got := c.snapshot().counters
			got.uidChanges, got.renames = 0, 0
			require.Equal(t, m.totals, got)
			// Names that were read too late are put right once /proc is read anew.
			if c.syncDue {
				m.resync(c)
			}
			requireRunning(t, m, c)
		}
	}
}

// With events that are lost, sums stay exact, and so is who is running as soon
// as the table was rebuilt.
func TestExactAfterLoss(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		m.loss = 0.1
		c := observed(t, m, nil)
		resyncs := uint64(0)
		for range 20 {
			for range 40 {
				m.step()
				if m.deliver(c, m.rnd.IntN(4)) && m.rnd.IntN(4) == 0 {
					m.settle(c)
				}
				requireSums(t, c)
			}
			due := m.lost > 0 || c.syncDue
			m.resync(c)
			if due {
				require.Greater(t, c.snapshot().resyncs, resyncs)
				resyncs = c.snapshot().resyncs
			}
			requireSums(t, c)
			requireRunning(t, m, c)
		}
		require.NotZero(t, resyncs)
	}
}

// What happens while /proc is being read is told by events that were queued by
// then, and what catchers have read may be older than what the table says.
func TestExactWhileScanning(t *testing.T) {
	for seed := range seeds {
		m := newMachine(t, seed)
		c := observed(t, m, nil)
		for range 20 {
			for range 20 {
				m.step()
				m.deliver(c, m.rnd.IntN(3))
			}
			m.deliver(c, len(m.queue))
			c.now = func() uint64 {
				for range m.rnd.IntN(3) {
					m.step()
				}
				return m.now
			}
			require.NoError(t, c.scan())
			c.now = func() uint64 { return m.now }
			m.settle(c)
			requireSums(t, c)
			// Names that were read too late are put right once /proc is read again.
			if c.syncDue {
				m.resync(c)
			}
			requireRunning(t, m, c)
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
		c := observed(t, m, func(p *ProcConnector) {
			p.MaxCommands = limit
			p.CommandExpiry = config.Duration(time.Second)
			if seed%2 == 0 {
				p.CommandTags = []string{"user"}
			}
			if seed%3 == 0 {
				p.CommandExclude = []string{"c*", "_kernel"}
			}
		})
		seen := make(map[series.Key]bool)
		for range 500 {
			m.step()
			m.now += m.rnd.Uint64N(uint64(time.Second) / 2)
			if m.deliver(c, m.rnd.IntN(4)) && m.rnd.IntN(4) == 0 {
				m.resync(c)
			}
			requireSums(t, c)
			samples := c.snapshot().series
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
