//go:build linux

package proc_connector

import (
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
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
	if x.ppid == 0 { // before Linux 4.18
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
