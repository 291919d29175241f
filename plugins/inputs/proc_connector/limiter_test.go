//go:build linux

package proc_connector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

func TestLimiter(t *testing.T) {
	second := uint64(time.Second)
	allowed := func(l *limiter, times ...uint64) int {
		n := 0
		for _, at := range times {
			if l.allow(at) {
				n++
			}
		}
		return n
	}
	repeat := func(at uint64, n int) []uint64 {
		times := make([]uint64, n)
		for i := range times {
			times[i] = at
		}
		return times
	}

	l := newLimiter(10)
	require.Equal(t, 10, allowed(l, repeat(5*second, 15)...), "a burst of one second")
	require.EqualValues(t, 5, l.dropped)
	require.Equal(t, 5, allowed(l, repeat(5*second+second/2, 15)...))
	require.Equal(t, 10, allowed(l, repeat(100*second, 15)...))

	// Events of different CPUs, out of order: time does not pass twice.
	require.LessOrEqual(t, func() int {
		n := 0
		for range 100 {
			n += allowed(l, 100*second-second/10, 100*second)
		}
		return n
	}(), 1)

	l = newLimiter(0)
	require.Equal(t, 100_000, allowed(l, repeat(second, 100_000)...), "no limit")
	require.Zero(t, l.dropped)
}

func TestLimiterDoesNotAllocate(t *testing.T) {
	l := newLimiter(10)
	require.Zero(t, testing.AllocsPerRun(100, func() { l.allow(1) }))
}

// While the limit bites, a line a minute tells of all that was left out.
func TestLimitReport(t *testing.T) {
	var r limitReport
	now := time.Unix(1000, 0)
	require.Zero(t, r.due(0, now))
	require.EqualValues(t, 5, r.due(5, now), "at once")
	require.Zero(t, r.due(7, now.Add(59*time.Second)))
	require.EqualValues(t, 3, r.due(8, now.Add(time.Minute)))
	require.Zero(t, r.due(8, now.Add(time.Hour)), "it does not bite any more")
	require.EqualValues(t, 1, r.due(9, now.Add(time.Hour)))
}

// Execs and exits share the limit; what is left out is still counted.
func TestEventLimit(t *testing.T) {
	m := newMachine(t, 1)
	c := tracking(t, m, func(p *ProcConnector) {
		p.EventLimit = 3
		p.ExitEvents = "all"
	})
	m.now = 2000 * tick
	for pid := range int32(5) {
		m.queue = append(m.queue,
			cnproc.Event{What: cnproc.EventFork, Parent: task(3), Task: task(100 + pid), Timestamp: m.now},
			cnproc.Event{What: cnproc.EventExec, Task: task(100 + pid), Timestamp: m.now},
			cnproc.Event{What: cnproc.EventExit, Task: task(100 + pid), Timestamp: m.now})
	}
	m.settle(c)
	require.EqualValues(t, 7, c.limiter.dropped)
	require.EqualValues(t, 3, c.emitter.count.Load())
	require.EqualValues(t, 5, c.snapshot().counters.Execs)
	require.EqualValues(t, 5, c.snapshot().counters.Exits)
	requireSums(t, c)
}
