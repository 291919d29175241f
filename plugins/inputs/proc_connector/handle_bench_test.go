//go:build linux

package proc_connector

import (
	"os"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

// handled has the tracker take the events again and again, each time at a
// later moment.
func handled(b *testing.B, c *tracker, events []cnproc.Event) {
	b.Helper()
	now := cnproc.Monotonic()
	c.clock.monotonic = func() uint64 { return now }
	b.ReportAllocs()
	for b.Loop() {
		now += uint64(lookMargin) + 1
		for i := range events {
			events[i].Timestamp = now
		}
		for i := range events {
			c.take(&events[i])
		}
		c.flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// Processes that do nothing and end.
func BenchmarkHandleForkExit(b *testing.B) {
	c := newTestTracker(b, b.TempDir())
	c.table.Enter(1).Command = "parent"
	c.table.Update(c.table.Get(1), 1)
	events := make([]cnproc.Event, 0, 64)
	for pid := int32(100); len(events) < cap(events); pid++ {
		events = append(events,
			cnproc.Event{What: cnproc.EventFork, Parent: task(1), Task: task(pid)},
			cnproc.Event{What: cnproc.EventExit, Task: task(pid), Parent: task(1)})
	}
	handled(b, c, events)
}

// An exec with all that is read of it: this process stands in for one that was
// started just now. Nobody takes the metrics, which end in a full queue.
func BenchmarkHandleExec(b *testing.B) {
	c := newTestTracker(b, "/proc")
	c.limiter = newLimiter(0)
	self := int32(os.Getpid())
	handled(b, c, []cnproc.Event{{What: cnproc.EventExec, Task: task(self)}})
	if p := c.table.Get(self); p == nil || p.Command == processes.Unknown || c.snapshot().unresolved > 0 {
		b.Fatal("it was not read")
	}
}
