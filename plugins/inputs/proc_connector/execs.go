//go:build linux

package proc_connector

import (
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// exec enters a process's new program into the table, and holds what there is to
// count and report.
func (c *collector) exec(e *cnproc.Event) {
	pid := e.Task.TGID
	d := &c.details
	c.reader.read(e, d)
	if d.readAt == 0 {
		d.readAt = c.now()
	}
	p := c.table.Enter(pid)
	c.describe(p, e)

	n := finding{series: p.Series(), gone: d.gone}
	if c.events && p.Series().Selected() && c.limiter.allow(e.Timestamp) {
		n.exec = c.execEvent(p, e)
	}
	c.findings.addExec(pid, d.readAt, n)
}

// describe brings an entry up to date with what was read at an exec.
func (c *collector) describe(p *proctable.Process, e *cnproc.Event) {
	d := &c.details
	switch {
	case d.named:
		p.Kernel, p.Command, p.Guessed = false, d.command, false
		p.ReadAt(d.readAt)
		c.table.Adopt(p, d.ppid)
		if p.Start == 0 { // its fork was lost
			p.Start = proctable.Start(d.start, suspended())
		}
	case !p.Outdated(e.Timestamp):
		p.Kernel, p.Command, p.Guessed = false, series.Unknown, false
	}
	if d.grouped {
		p.Unit, p.ContainerID = d.unit, d.container
	}
	if !p.UIDKnown && !d.gone {
		if uid, err := c.fs.RealUID(p.PID); err == nil {
			p.UID, p.UIDKnown = uid, true
		}
	}
	if c.exited != exitNone {
		c.table.KeepArguments(p, d.cmdline)
	}
	c.table.Update(p, e.Timestamp)
}

func (c *collector) execEvent(p *proctable.Process, e *cnproc.Event) *execEvent {
	d := &c.details
	if d.denied && !c.deniedOn {
		c.deniedOn = true
		c.log.Warn("Not permitted to read exe and cwd of other users' processes, these fields stay empty: " +
			"give the program CAP_SYS_PTRACE, let AppArmor or SELinux permit it, or take them out of exec_fields")
	}
	ev := &execEvent{
		time:      e.Time,
		command:   p.Command,
		gone:      d.gone,
		pid:       p.PID,
		ppid:      p.PPID,
		uid:       p.UID,
		uidKnown:  p.UIDKnown,
		exe:       d.exe,
		cwd:       d.cwd,
		unit:      d.unit,
		container: d.container,
	}
	if c.emitter.fields["cmdline"] {
		ev.keepArguments(d.cmdline)
	}
	if parent := c.table.Parent(p); parent != nil {
		ev.parentCommand = parent.Command
	}
	return ev
}
