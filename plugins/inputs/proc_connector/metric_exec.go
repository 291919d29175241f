//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
)

// An execEvent is what was read of an exec, and one metric proc_connector_exec to be. Its
// cmdline is as the kernel has it, secrets too: only for render.
type execEvent struct {
	details
	time          time.Time
	pid           int32
	uidKnown      bool
	parentCommand string

	room [128]byte // for cmdline: most are no longer
}

// forget drops what may be of another program.
func (ev *execEvent) forget() { ev.details = details{gone: true, readAt: ev.readAt} }

func (ev *execEvent) size() int {
	return len(ev.parentCommand) + len(ev.cmdline) + len(ev.exe) + len(ev.cwd) + len(ev.unit) + len(ev.container)
}

func (ev *execEvent) toMetric(e *emitter) telegraf.Metric {
	m := metric.New("proc_connector_exec", nil, nil, ev.time)
	m.AddTag("command", ev.command)
	if e.fields["pid"] {
		m.AddField("pid", int64(ev.pid))
	}
	// What is not known is left out: an empty string would say that it is empty, and
	// the id 0 that it is root's.
	if ev.ppid != 0 && e.fields["ppid"] {
		m.AddField("ppid", int64(ev.ppid))
	}
	text := func(name, value string) {
		if value != "" && e.fields[name] {
			m.AddField(name, value)
		}
	}
	text("parent_command", ev.parentCommand)
	if e.fields["cmdline"] {
		text("cmdline", e.render(ev.cmdline))
	}
	text("exe", cmdline.Clean(ev.exe))
	text("cwd", cmdline.Clean(ev.cwd))
	if ev.uidKnown && e.fields["uid"] {
		m.AddField("uid", uint64(ev.uid))
	}
	if ev.uidKnown && e.fields["user"] {
		m.AddField("user", e.users.Boxed(ev.uid, time.Now()))
	}
	text("unit", cmdline.Clean(ev.unit))
	text("container_id", cmdline.Clean(ev.container))
	if ev.gone {
		m.AddField("detail", "gone")
	} else {
		m.AddField("detail", "full")
	}
	return m
}
