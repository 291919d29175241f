//go:build linux

package proc_connector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A script is a detailReader that reads, of each exec, what a test says.
type script map[uint64]details

func (s script) read(e *cnproc.Event, d *details) { *d = s[e.Timestamp] }

// What is read of an exec is believed unless what follows shows that it was of a
// later program.
func TestExecIsContradicted(t *testing.T) {
	const margin = uint64(lookMargin)
	sleep := details{named: true, command: "sleep", cmdline: []byte("sleep\x001\x00"), readAt: 1000}
	other := details{named: true, command: "cat", cmdline: []byte("cat\x00"), readAt: 1_000_000}
	same := sleep
	same.readAt = 1_000_000
	tests := map[string]struct {
		next       details
		at         uint64
		fork, gone bool
	}{
		"it called exec again before it was read":               {next: other, at: 1000, gone: true},
		"it was about to call exec, and had the same arguments": {next: same, at: 1000 + margin - 1, gone: true},
		"it was about to call exec, but has other arguments":    {next: other, at: 1000 + margin - 1},
		"it was about to call exec, of which nothing is known":  {next: details{gone: true, readAt: 1_000_000}, at: 1000 + margin - 1, gone: true},
		"it calls exec later":                                   {next: same, at: 1000 + margin},
		"its id was another's when it was read":                 {fork: true, at: 900, gone: true},
		"its id is another's later":                             {fork: true, at: 1000 + margin},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newTestTracker(t, t.TempDir())
			c.reader = script{900: sleep, tt.at: tt.next}
			if tt.at == 900 {
				c.reader = script{900: sleep}
			}
			c.take(&cnproc.Event{What: cnproc.EventExec, Task: task(7), Timestamp: 900})
			e := cnproc.Event{What: cnproc.EventExec, Task: task(7), Timestamp: tt.at}
			if tt.fork {
				e.What, e.Parent = cnproc.EventFork, task(1)
			}
			c.take(&e)
			require.Empty(t, c.emitter.batch)
			c.flush()
			ev, ok := c.emitter.batch[0].(*execEvent)
			require.True(t, ok)
			require.Equal(t, tt.gone, ev.gone)
			require.Equal(t, tt.gone, ev.command == "_unknown")
			require.Empty(t, c.pending.execs)
		})
	}
}

// Of two events that wait, the later is not applied before the earlier.
func TestPendingKeepsTheOrder(t *testing.T) {
	c := newTestTracker(t, t.TempDir())
	c.reader = script{900: {named: true, command: "sleep", readAt: 1000}}
	c.take(&cnproc.Event{What: cnproc.EventExec, Task: task(7), Timestamp: 900})
	c.take(&cnproc.Event{What: cnproc.EventFork, Parent: task(7), Task: task(8), Timestamp: 950})
	c.applyUntil(1000 + uint64(lookMargin))
	require.Nil(t, c.table.Get(8))
	c.applyUntil(1001 + uint64(lookMargin))
	require.Equal(t, "sleep", c.table.Get(8).Command, "it began as its parent was")
	require.Zero(t, c.pending.len())
}

// With more events than may wait, the oldest are believed as they are.
func TestPendingIsBounded(t *testing.T) {
	c := newTestTracker(t, t.TempDir())
	c.reader = script{}
	c.take(&cnproc.Event{What: cnproc.EventExec, Task: task(7), Timestamp: 900})
	for i := range uint64(maxPending + 10) {
		c.take(&cnproc.Event{What: cnproc.EventSID, Task: task(7), Timestamp: 900 + i})
	}
	require.LessOrEqual(t, c.pending.len(), maxPending)
	require.EqualValues(t, 1, c.counters.Execs)
}
