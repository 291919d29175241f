//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// counters are the numbers of the measurement proc_connector: what has happened
// on this machine since the plugin was started.
type counters struct {
	forks          uint64
	threads        uint64
	execs          uint64
	exits          uint64
	exitsFailed    uint64
	exitsSignaled  uint64
	coredumps      uint64
	uidChanges     uint64
	gidChanges     uint64
	sessions       uint64
	ptraceAttaches uint64
	ptraceDetaches uint64
	renames        uint64
}

// count adds one event, except those that are counted once it is certain what
// they mean. Of exits, only a process table can tell that of a thread that happens
// to be the first from the end of its process. Execs wait for the name of the
// program, so that they are counted here when they are in the command's series.
func (c *counters) count(e *cnproc.Event) {
	switch e.What {
	case cnproc.WhatFork:
		if e.Thread() {
			c.threads++
		} else {
			c.forks++
		}
	case cnproc.WhatCoredump:
		c.coredumps++
	case cnproc.WhatUID:
		c.uidChanges++
	case cnproc.WhatGID:
		c.gidChanges++
	case cnproc.WhatSID:
		c.sessions++
	case cnproc.WhatPtrace:
		if e.Attached() {
			c.ptraceAttaches++
		} else {
			c.ptraceDetaches++
		}
	case cnproc.WhatComm:
		c.renames++
	case cnproc.WhatExec, cnproc.WhatExit, cnproc.WhatNone:
	}
}

// countExit adds the end of a process.
func (c *counters) countExit(status cnproc.ExitStatus) {
	c.exits++
	switch {
	case status.Signaled():
		c.exitsSignaled++
	case status.Code() != 0:
		c.exitsFailed++
	}
}

// metric returns the measurement proc_connector. Threads are only known when
// they are listened to.
func (c *counters) metric(threads bool, now time.Time) telegraf.Metric {
	m := metric.New("proc_connector", nil, nil, now, telegraf.Counter)
	m.AddField("forks", c.forks)
	if threads {
		m.AddField("threads", c.threads)
	}
	m.AddField("execs", c.execs)
	m.AddField("exits", c.exits)
	m.AddField("exits_failed", c.exitsFailed)
	m.AddField("exits_signaled", c.exitsSignaled)
	m.AddField("coredumps", c.coredumps)
	m.AddField("uid_changes", c.uidChanges)
	m.AddField("gid_changes", c.gidChanges)
	m.AddField("sessions", c.sessions)
	m.AddField("ptrace_attaches", c.ptraceAttaches)
	m.AddField("ptrace_detaches", c.ptraceDetaches)
	m.AddField("renames", c.renames)
	return m
}
