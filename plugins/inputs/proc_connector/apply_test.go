//go:build linux

package proc_connector

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

func newTestTracker(t testing.TB, proc string) *tracker {
	t.Helper()
	p := newPlugin(t)
	fs, err := procfs.Open(proc)
	require.NoError(t, err)
	c := newTracker(p, fs, newEmitter(&testutil.Accumulator{}, nil, false, 1024))
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	return c
}

func task(pid int32) cnproc.Task { return cnproc.Task{PID: pid, TGID: pid} }

// A process that came and went is nothing to remember, and neither is any other
// event: what only counts costs no memory.
func TestCountingDoesNotAllocate(t *testing.T) {
	c := newTestTracker(t, t.TempDir()) // where every process has ended
	var now uint64
	c.clock.monotonic = func() uint64 { return now }
	events := []cnproc.Event{
		{What: cnproc.EventFork, Parent: task(1), Task: task(100)},
		{What: cnproc.EventComm, Task: task(100), Comm: [16]byte([]byte("renamed\x00\x00\x00\x00\x00\x00\x00\x00\x00"))},
		{What: cnproc.EventUID, Task: task(100), RealID: 1000},
		{What: cnproc.EventGID, Task: task(100)},
		{What: cnproc.EventSID, Task: task(100)},
		{What: cnproc.EventPtrace, Task: task(100)},
		{What: cnproc.EventCoredump, Task: task(100)},
		{What: cnproc.EventFork, Parent: task(1), Task: cnproc.Task{PID: 101, TGID: 100}},
		{What: cnproc.EventExit, Task: task(100)},
	}
	round := func() {
		now += uint64(lookMargin) / 3
		for i := range events {
			events[i].Timestamp = now
		}
		for i := range events {
			c.take(&events[i])
		}
		c.applyUntil(now)
	}
	for range 10 {
		round()
	}
	require.Zero(t, testing.AllocsPerRun(1000, round))
	c.flush()
	require.EqualValues(t, 1011, c.counters.Exits)
}

// After a loss the table is rebuilt, once the queue is empty, and no more often
// than the interval says.
func TestResync(t *testing.T) {
	c := newTestTracker(t, "testcases/pipeline/proc")
	now := uint64(time.Hour)
	c.clock.monotonic = func() uint64 { return now }
	require.NoError(t, c.scan())
	require.Equal(t, 2, c.table.Len())
	c.take(&cnproc.Event{What: cnproc.EventFork, Parent: task(100), Task: task(999)})
	require.Equal(t, 3, c.table.Len(), "its exit is going to be lost")

	c.emptied(true, now)
	require.Zero(t, c.snapshot().resyncs, "it was built a moment ago")
	now += uint64(resyncInterval)
	c.emptied(false, now)
	require.EqualValues(t, 1, c.snapshot().resyncs)
	require.EqualValues(t, 2, c.snapshot().processes)
	now += uint64(resyncInterval)
	c.emptied(false, now)
	require.EqualValues(t, 1, c.snapshot().resyncs, "nothing was lost since")
}

// An exit that was undecided when events were lost is decided by /proc.
func TestResyncSettlesExits(t *testing.T) {
	c := newTestTracker(t, "testcases/pipeline/proc")
	now := uint64(time.Hour)
	c.clock.monotonic = func() uint64 { now++; return now }
	require.NoError(t, c.scan())
	c.take(&cnproc.Event{What: cnproc.EventExit, Task: task(201)})
	c.emptied(false, now+1)
	require.Len(t, c.leaderless, 1, "the exec or fork that decides is missing")
	now += uint64(resyncInterval)
	c.emptied(true, now)
	require.Empty(t, c.leaderless)
	require.Zero(t, c.snapshot().counters.Exits, "it lives")
}

// When the exec between two exits was lost, the process has ended once.
func TestExitAfterLostExec(t *testing.T) {
	proc := t.TempDir()
	c := newTestTracker(t, proc)
	now := uint64(time.Hour)
	c.clock.monotonic = func() uint64 { now++; return now }
	m := &machine{t: t, proc: proc, shown: make(map[string]string)}
	p := &modelled{pid: 100, comm: "x", start: 1, leaderGone: true}
	m.show(p)
	c.take(&cnproc.Event{What: cnproc.EventExit, Task: task(100)})
	c.emptied(false, now+1)
	require.Len(t, c.leaderless, 1)
	require.NoError(t, os.RemoveAll(filepath.Join(proc, "100")))
	c.take(&cnproc.Event{What: cnproc.EventExit, Task: task(100), ExitStatus: 0x100})
	c.emptied(false, now+1)
	c.emptied(false, now+1)
	require.Equal(t, counters{Counts: processes.Counts{Exits: 1, ExitsFailed: 1}}, c.snapshot().counters)
}

// However many processes have lost their first thread, only so many are looked at in
// one go, and all of them in time.
func TestLeaderlessAreLookedAtByAndBy(t *testing.T) {
	c := newTestTracker(t, t.TempDir())
	now := uint64(time.Hour)
	c.clock.monotonic = func() uint64 { now++; return now }
	const many = 10 * maxLooks
	for pid := range int32(many) {
		c.leaderless[100+pid] = &ending{pid: 100 + pid}
	}
	for range 1000 {
		before := c.pending.len()
		c.lookAgain()
		require.LessOrEqual(t, c.pending.len()-before, maxLooks)
		c.applyUntil(now + 1)
	}
	require.Empty(t, c.leaderless)
	require.EqualValues(t, many, c.snapshot().counters.Exits)
}

func BenchmarkHandleComm(b *testing.B) {
	c := newTestTracker(b, b.TempDir())
	events := make([]cnproc.Event, 64)
	for i := range events {
		events[i] = cnproc.Event{What: cnproc.EventComm, Task: task(1), Comm: [16]byte([]byte("renamed\x00\x00\x00\x00\x00\x00\x00\x00\x00"))}
	}
	c.take(&cnproc.Event{What: cnproc.EventFork, Parent: task(9), Task: task(1)})
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			c.take(&events[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}
