//go:build linux

package proc_connector

import (
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// An ending is the exit of a process's first thread, which may turn out to be
// the end of the process. It keeps what the process was at that time, because
// the table may be rebuilt, or know another process by the same id, before that
// is certain. Times are in nanoseconds of CLOCK_MONOTONIC.
type ending struct {
	pid, ppid int32
	status    cnproc.ExitStatus
	at        uint64    // of the event
	time      time.Time // the same on the wall clock
	end       uint64    // when the process ended, as far as is known
	alive     uint64    // when /proc last showed other threads of it, or 0

	// unreported is that of which there was no event, because it was before the
	// plugin listened, or was lost: it is not counted when the process ends.
	unreported bool

	process proctable.Process // of which there may be none: then its PID is 0
}

func newEnding(e *cnproc.Event, p *proctable.Process) ending {
	x := ending{pid: e.Task.TGID, ppid: e.Parent.TGID, status: e.ExitStatus, at: e.Timestamp, time: e.Time, end: e.Timestamp}
	if p != nil {
		x.process = *p
	}
	if x.ppid == 0 { // see cnproc.Event
		x.ppid = x.process.PPID
	}
	return x
}

// runtime is how long the process lived, in seconds, and whether that is known.
func (x *ending) runtime() (float64, bool) {
	start := x.process.Start
	if start == 0 {
		return 0, false
	}
	// Events of different CPUs are not that exact.
	return time.Duration(x.end - min(start, x.end)).Seconds(), true
}

// wallTime is end on the wall clock.
func (x *ending) wallTime() time.Time { return x.time.Add(time.Duration(x.end - x.at)) }

// count adds the end of a process to its series.
func (x *ending) count(c *series.Counts) {
	c.Exits++
	switch {
	case x.status.Signaled():
		c.ExitsSignaled++
	case x.status.Code() != 0:
		c.ExitsFailed++
	}
	if runtime, ok := x.runtime(); ok {
		c.Runtime += runtime
	}
}

func (c *collector) exit(e *cnproc.Event) {
	p := c.entry(e)
	if p == nil {
		p = c.zombie(e)
	}
	end := newEnding(e, p)
	if c.exits.dead(end.pid) {
		// Of two exits the first was not the end; the exec between them was lost.
		c.exits.exec(end.pid)
		c.foundEnded(&end)
	} else {
		c.exits.wait(end, time.Now())
	}
}

// zombie returns what can still be known of a process of which the table has
// nothing: its fork was lost, or it was ending when the table was built.
func (c *collector) zombie(e *cnproc.Event) *proctable.Process {
	var st procfs.Stat
	pid := e.Task.TGID
	if err := c.fs.Stat(pid, &st); err != nil {
		return nil
	}
	start := proctable.Start(st.StartTime, suspended())
	if start > e.Timestamp || st.KernelThread() {
		return nil
	}
	return &proctable.Process{PID: pid, PPID: st.PPID, Start: start, Command: c.scanner.names.of(st.Comm)}
}

// foundEnded holds the end of a process that /proc shows.
func (c *collector) foundEnded(e *ending) { c.findings.addExit(c.now(), e) }

// ended counts the end of a process when it is certain.
func (c *collector) ended(e *ending) {
	p := c.table.Get(e.pid)
	present := p != nil && p.Serial() == e.process.Serial()
	if present {
		e.process = *p // something may be known better by now
	}
	if !e.unreported {
		s := c.seriesOf(&e.process)
		c.counters.countExit(e.status)
		e.count(c.series.Counts(s, e.end))
		if c.exited.wants(e.status) && s.Selected() && c.limiter.allow(e.at) {
			c.offerExit(e, s)
		}
	}
	// At last, because a series may be forgotten with its last process.
	if present {
		c.table.Exit(e.pid, e.end)
	}
}
