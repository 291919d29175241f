//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

// counters are the numbers of the measurement proc_connector: what has happened on
// this machine since the plugin was started.
type counters struct {
	processes.Counts // the sum of all series
	forks            uint64
	threads          uint64
	uidChanges       uint64
	gidChanges       uint64
	sessions         uint64
	ptraceAttaches   uint64
	ptraceDetaches   uint64
	renames          uint64
}

// count adds an event that counts for the host alone. The others are counted together
// with their series.
func (c *counters) count(e *cnproc.Event) {
	switch e.What {
	case cnproc.EventFork:
		if e.Thread() {
			c.threads++
		} else {
			c.forks++
		}
	case cnproc.EventUID:
		c.uidChanges++
	case cnproc.EventGID:
		c.gidChanges++
	case cnproc.EventSID:
		c.sessions++
	case cnproc.EventPtrace:
		if e.Attached() {
			c.ptraceAttaches++
		} else {
			c.ptraceDetaches++
		}
	case cnproc.EventComm:
		c.renames++
	case cnproc.EventExec, cnproc.EventExit, cnproc.EventCoredump:
	}
}

// metric returns the measurement proc_connector. Threads are only known when they are
// listened to.
func (c *counters) metric(threads bool, now time.Time) telegraf.Metric {
	m := metric.New("proc_connector", nil, nil, now, telegraf.Counter)
	m.AddField("forks", c.forks)
	if threads {
		m.AddField("threads", c.threads)
	}
	m.AddField("execs", c.Execs)
	m.AddField("exits", c.Exits)
	m.AddField("exits_failed", c.ExitsFailed)
	m.AddField("exits_signaled", c.ExitsSignaled)
	m.AddField("coredumps", c.Coredumps)
	m.AddField("uid_changes", c.uidChanges)
	m.AddField("gid_changes", c.gidChanges)
	m.AddField("sessions", c.sessions)
	m.AddField("ptrace_attaches", c.ptraceAttaches)
	m.AddField("ptrace_detaches", c.ptraceDetaches)
	m.AddField("renames", c.renames)
	return m
}
