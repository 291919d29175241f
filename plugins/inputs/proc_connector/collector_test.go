//go:build linux

package proc_connector

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

func newTestCollector(t testing.TB, proc string) *collector {
	t.Helper()
	p := newPlugin(t)
	fs, err := procfs.Open(proc)
	require.NoError(t, err)
	c := newCollector(p, fs, newEmitter(&testutil.Accumulator{}, nil, false, 1024))
	t.Cleanup(func() { require.NoError(t, c.finish()) })
	return c
}

func task(pid int32) cnproc.Task { return cnproc.Task{PID: pid, TGID: pid} }

// A process that came and went is nothing to remember, and neither is any other
// event: what only counts costs no memory.
func TestCountingDoesNotAllocate(t *testing.T) {
	c := newTestCollector(t, t.TempDir()) // where every process has ended
	var now uint64
	c.now = func() uint64 { return now }
	events := []cnproc.Event{
		{What: cnproc.WhatFork, Parent: task(1), Task: task(100)},
		{What: cnproc.WhatComm, Task: task(100), Comm: [16]byte([]byte("renamed\x00\x00\x00\x00\x00\x00\x00\x00\x00"))},
		{What: cnproc.WhatUID, Task: task(100), RealID: 1000},
		{What: cnproc.WhatGID, Task: task(100)},
		{What: cnproc.WhatSID, Task: task(100)},
		{What: cnproc.WhatPtrace, Task: task(100)},
		{What: cnproc.WhatCoredump, Task: task(100)},
		{What: cnproc.WhatFork, Parent: task(1), Task: cnproc.Task{PID: 101, TGID: 100}},
		{What: cnproc.WhatExit, Task: task(100)},
	}
	round := func() {
		now += uint64(lookMargin) / 3
		for i := range events {
			events[i].Timestamp = now
		}
		c.HandleEvents(events)
	}
	for range 10 {
		round()
	}
	require.Zero(t, testing.AllocsPerRun(1000, round))
	c.findings.flush()
	require.EqualValues(t, 1011, c.counters.exits)
}

// The names that a storm of renames makes up are not kept for ever.
func TestNamesAreBounded(t *testing.T) {
	n := make(names)
	for i := range 3 * maxNames {
		n.of([]byte{byte(i), byte(i >> 8), 'x'})
	}
	require.LessOrEqual(t, len(n), maxNames)
}

// After a loss the table is rebuilt, once the queue is empty, and no more often
// than the interval says.
func TestResync(t *testing.T) {
	c := newTestCollector(t, "testcases/pipeline/proc")
	require.NoError(t, c.scan())
	require.Equal(t, 2, c.table.Len())
	c.HandleEvents([]cnproc.Event{{What: cnproc.WhatFork, Parent: task(100), Task: task(999)}})
	require.Equal(t, 3, c.table.Len(), "its exit is going to be lost")

	c.synced = time.Now().Add(time.Hour) // however slow this machine is
	require.Greater(t, c.HandleEmpty(cnproc.Missed{Lost: 5}, c.now()), resyncInterval, "to be done even if nothing happens")
	require.Zero(t, c.snapshot().resyncs, "it was built a moment ago")
	c.synced = time.Now().Add(-resyncInterval)
	require.Zero(t, c.HandleEmpty(cnproc.Missed{}, c.now()))
	require.EqualValues(t, 1, c.snapshot().resyncs)
	require.EqualValues(t, 2, c.snapshot().processes)
	c.synced = c.synced.Add(-resyncInterval)
	require.Zero(t, c.HandleEmpty(cnproc.Missed{}, c.now()))
	require.EqualValues(t, 1, c.snapshot().resyncs, "nothing was lost since")
}

// An exit that was undecided when events were lost is decided by /proc.
func TestResyncSettlesExits(t *testing.T) {
	c := newTestCollector(t, "testcases/pipeline/proc")
	require.NoError(t, c.scan())
	c.HandleEvents([]cnproc.Event{{What: cnproc.WhatExit, Task: task(201)}})
	require.Len(t, c.exits.undecided, 1, "the exec or fork that decides is missing")
	c.synced = time.Time{}
	c.HandleEmpty(cnproc.Missed{Deaf: true}, c.now())
	require.Empty(t, c.exits.undecided)
	require.Zero(t, c.snapshot().counters.exits, "it lives")
}

// When the exec between two exits was lost, the process has ended once.
func TestExitAfterLostExec(t *testing.T) {
	c := newTestCollector(t, t.TempDir())
	c.exits.undecided[100] = &ending{pid: 100}
	c.HandleEvents([]cnproc.Event{{What: cnproc.WhatExit, Task: task(100), ExitStatus: 0x100}})
	c.exits.settle(time.Now().Add(time.Hour), 0, c.foundEnded)
	c.findings.flush()
	require.Equal(t, counters{exits: 1, exitsFailed: 1}, c.snapshot().counters)
}

// However fast new ones come, undecided exits are looked at.
func TestUndecidedExitsDoNotStarve(t *testing.T) {
	x := exits{undecided: make(map[int32]*ending)}
	now := time.Now()
	x.wait(ending{pid: 1}, now)
	due := x.next
	for i := range int32(100) {
		now = now.Add(time.Millisecond)
		x.wait(ending{pid: 2 + i}, now)
		require.Equal(t, due, x.next)
	}
}

func BenchmarkHandleComm(b *testing.B) {
	c := newTestCollector(b, b.TempDir())
	events := make([]cnproc.Event, 64)
	for i := range events {
		events[i] = cnproc.Event{What: cnproc.WhatComm, Task: task(1), Comm: [16]byte([]byte("renamed\x00\x00\x00\x00\x00\x00\x00\x00\x00"))}
	}
	c.HandleEvents([]cnproc.Event{{What: cnproc.WhatFork, Parent: task(9), Task: task(1)}})
	b.ReportAllocs()
	for b.Loop() {
		c.HandleEvents(events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}
