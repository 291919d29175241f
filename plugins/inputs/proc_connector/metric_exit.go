//go:build linux

package proc_connector

import (
	"strconv"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

// An exitChoice is a value of the option exit_events.
type exitChoice string

const (
	exitNone   exitChoice = "none"
	exitFailed exitChoice = "failed"
	exitAll    exitChoice = "all"
)

// wants reports whether an end gives a metric.
func (c exitChoice) wants(status cnproc.ExitStatus) bool {
	return c == exitAll || c == exitFailed && status != 0
}

// An ending is the exit of a process's first thread, and one metric
// proc_connector_exit to be once the process has ended. It keeps what the process was
// at that time, because the table may be rebuilt, or know another process by the same
// id, before that is certain. Times are in nanoseconds of CLOCK_MONOTONIC.
type ending struct {
	pid, ppid int32 // ppid is 0 when it is not known
	status    cnproc.ExitStatus
	at        uint64    // of the event
	time      time.Time // the same on the wall clock
	end       uint64    // when the process ended, as far as is known
	alive     uint64    // when /proc last showed other threads of it, or 0

	// unreported: there was no event, because it was before the plugin listened, or
	// was lost. Such an end is not counted.
	unreported bool
	found      bool // /proc shows the end, and pending has it

	process processes.Process // PID is 0 if nothing is known of it
	command string            // the tag of the metric
}

func newEnding(e *cnproc.Event, p *processes.Process) ending {
	x := ending{pid: e.Task.TGID, ppid: e.Parent.TGID, status: e.ExitStatus, at: e.Timestamp, time: e.Time, end: e.Timestamp}
	if p != nil {
		x.process = *p
	}
	if x.ppid == 0 { // see cnproc.Event
		x.ppid = x.process.PPID
	}
	return x
}

// count adds the end of a process.
func (x *ending) count(c *processes.Counts) {
	c.Exits++
	switch result(x.status) {
	case resultSignaled:
		c.ExitsSignaled++
	case resultFailed:
		c.ExitsFailed++
	}
	if runtime, ok := x.runtime(); ok {
		c.Runtime += runtime
	}
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

func (x *ending) size() int { return len(x.process.Arguments()) }

func (x *ending) toMetric(e *emitter) telegraf.Metric {
	m := metric.New("proc_connector_exit", nil, nil, x.time)
	m.AddTag("command", x.command)
	m.AddTag("result", result(x.status))
	m.AddField("pid", int64(x.pid))
	if x.ppid != 0 {
		m.AddField("ppid", int64(x.ppid))
	}
	m.AddField("exit_code", int64(x.status.Code()))
	if x.status.Signaled() {
		m.AddField("signal", signalName(x.status.Signal()))
	}
	m.AddField("core_dumped", x.status.CoreDumped())
	if runtime, ok := x.runtime(); ok {
		m.AddField("runtime_seconds", runtime)
	}
	e.raw = append(e.raw[:0], x.process.Arguments()...)
	if line := e.render(e.raw); line != "" {
		m.AddField("cmdline", line)
	}
	if x.process.UIDKnown {
		m.AddField("user", e.users.Boxed(x.process.UID, time.Now()))
	}
	return m
}

// Values of the tag result.
const (
	resultSuccess  = "success"
	resultFailed   = "failed"
	resultSignaled = "signaled"
)

func result(status cnproc.ExitStatus) string {
	switch {
	case status.Signaled():
		return resultSignaled
	case status.Code() != 0:
		return resultFailed
	}
	return resultSuccess
}

// sigRTMin is the first real-time signal that programs can use: glibc and musl keep
// those before it, from 32 on, to themselves.
const sigRTMin = 34

// signalName returns the name of a signal as in signal(7).
func signalName(number int) string {
	if name := unix.SignalName(unix.Signal(number)); name != "" {
		return name
	}
	switch {
	case number == sigRTMin:
		return "SIGRTMIN"
	case number > sigRTMin:
		return "SIGRTMIN+" + strconv.Itoa(number-sigRTMin)
	}
	return "SIG" + strconv.Itoa(number)
}
