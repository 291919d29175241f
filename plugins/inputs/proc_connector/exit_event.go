//go:build linux

package proc_connector

import (
	"strconv"
	"time"

	"github.com/influxdata/telegraf"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
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

// An exitEvent is one metric proc_connector_exit to be.
type exitEvent struct {
	time      time.Time
	command   string
	pid, ppid int32 // ppid is 0 when it is not known
	status    cnproc.ExitStatus
	runtime   float64
	timed     bool // runtime is known
	uid       uint32
	uidKnown  bool
	arguments string // as in an execEvent; it is the process's own
}

func (c *collector) offerExit(e *ending, s *series.Series) {
	p := &e.process
	ev := &exitEvent{pid: e.pid, ppid: e.ppid, status: e.status, uid: p.UID, uidKnown: p.UIDKnown, arguments: p.Arguments()}
	ev.command, ev.time = c.series.Exit(s, e.wallTime())
	ev.runtime, ev.timed = e.runtime()
	c.emitter.offer(ev)
}

func (ev *exitEvent) size() int { return len(ev.arguments) }

func (ev *exitEvent) toMetric(e *emitter) telegraf.Metric {
	m := newEventMetric("proc_connector_exit", ev.time)
	m.tag("command", ev.command)
	m.tag("result", result(ev.status))
	m.set("pid", int64(ev.pid))
	if ev.ppid != 0 {
		m.set("ppid", int64(ev.ppid))
	}
	m.set("exit_code", int64(ev.status.Code()))
	if ev.status.Signaled() {
		m.set("signal", signalName(ev.status.Signal()))
	}
	m.set("core_dumped", ev.status.CoreDumped())
	if ev.timed {
		m.set("runtime_seconds", ev.runtime)
	}
	e.raw = append(e.raw[:0], ev.arguments...)
	if line := e.render(e.raw); line != "" {
		m.set("cmdline", line)
	}
	if ev.uidKnown {
		m.set("user", e.users.get(ev.uid, time.Now()).boxed)
	}
	return m
}

func result(status cnproc.ExitStatus) string {
	switch {
	case status.Signaled():
		return "signaled"
	case status.Code() != 0:
		return "failed"
	}
	return "success"
}

// sigRTMin is the first real-time signal that programs can use: glibc and musl
// keep those before it, from 32 on, to themselves.
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
