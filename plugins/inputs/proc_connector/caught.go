//go:build linux

package proc_connector

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// coalesce is how long events may queue up once one has come: longer saves no more
// of the time that a storm costs ("make bench"). What must be read at
// once is read by catchers.
const coalesce = 5 * time.Millisecond

// wanted says what is read of a process at an exec with these options.
func (p *ProcConnector) wanted() wanted {
	tags, kept := p.tags(), exitChoice(p.ExitEvents) != exitNone
	field := func(name string) bool { return p.ExecEvents && slices.Contains(p.ExecFields, name) }
	return wanted{
		kept:    kept,
		cmdline: kept || field("cmdline"),
		exe:     field("exe"),
		cwd:     field("cwd"),
		cgroup:  tags.Unit || tags.Container || field("unit") || field("container_id"),
	}
}

func (p *ProcConnector) tags() series.Tags {
	return series.Tags{
		User:      slices.Contains(p.CommandTags, "user"),
		Unit:      slices.Contains(p.CommandTags, "unit"),
		Container: slices.Contains(p.CommandTags, "container"),
	}
}

// catch starts the catchers.
func (p *ProcConnector) catch() (*catcher.Catchers, error) {
	want := p.wanted()
	cfg := catcher.Config{
		Proc:       p.proc,
		Sys:        p.sys,
		Scheduling: catcher.Scheduling(p.Scheduling),
		Wanted:     catcher.Wanted{Exe: want.exe, Cwd: want.cwd, Cgroup: want.cgroup},
	}
	if want.cmdline {
		cfg.Wanted.Cmdline = max(int(p.MaxCmdline)+2, nameLength)
	}
	c, err := catcher.Open(cfg)
	if errors.Is(err, catcher.ErrNotPermitted) {
		return nil, fmt.Errorf("option scheduling: %q cannot be had, allowed is \"auto\", which takes what is permitted: %w", p.Scheduling, err)
	}
	return c, err
}

// IsolatedCPUs names the CPUs on which no catcher runs with these options because
// they are isolated, such as "CPUs 2-3". It is empty if there are none.
func (p *ProcConnector) IsolatedCPUs() string {
	// What cannot be read is reported when the plugin starts.
	cpus, err := catcher.Isolated(p.sys, catcher.Scheduling(p.Scheduling))
	if err != nil || len(cpus) == 0 {
		return ""
	}
	return catcher.CPUList(cpus)
}

// A caughtReader hands over what catchers have read when the process was about to
// run its program. What they did not come to in time it reads itself.
type caughtReader struct {
	catchers *catcher.Catchers
	late     *procReader
	record   catcher.Record
	paths    memory[string]
	groups   memory[procfs.Cgroup]
}

func newCaughtReader(c *catcher.Catchers, late *procReader) *caughtReader {
	late.denials.tell = c.ReadLinks
	return &caughtReader{
		catchers: c,
		late:     late,
		paths:    memory[string]{make: func(b []byte) string { return string(procfs.ParseLink(b)) }},
		groups:   memory[procfs.Cgroup]{make: procfs.ParseCgroup},
	}
}

func (r *caughtReader) read(e *cnproc.Event, d *details) {
	rec := &r.record
	r.late.denials.at(e.Timestamp)
	if !r.catchers.Take(e.CPU, e.Task.TGID, e.Timestamp, rec) {
		r.late.read(e, d)
		return
	}
	*d = details{readAt: rec.ReadAt, cmdline: rec.Cmdline, denied: rec.Denied}
	if rec.Denied || len(rec.Exe)+len(rec.Cwd) > 0 {
		r.late.denials.asked(rec.Denied)
	}
	want := &r.late.want
	d.cmdline = d.cmdline[:min(len(d.cmdline), r.late.length)]
	d.gone = want.cmdline && len(rec.Cmdline) == 0

	var st procfs.Stat
	if err := procfs.ParseStat(rec.Stat, &st); err != nil {
		d.gone = true
		return
	}
	d.named, d.ppid, d.start = true, st.PPID, st.StartTime
	if !want.cmdline {
		d.gone = st.Exiting()
	}
	exe := r.paths.of(rec.Exe)
	if want.exe {
		d.exe = exe
	}
	if want.cwd {
		d.cwd = r.paths.of(rec.Cwd)
	}
	if want.cgroup && len(rec.Cgroup) > 0 {
		cg := r.groups.of(rec.Cgroup)
		d.grouped, d.unit, d.container = true, cg.Unit, cg.ContainerID
	}
	if vague(st.Comm, true) {
		d.command = wholeName(st.Comm, rec.Cmdline, exe, true)
	} else {
		d.command = r.late.names.of(st.Comm)
	}
}

// A memory remembers what was made of some bytes, so that what was seen before
// costs no allocation. Its zero value lacks only make.
type memory[T any] struct {
	make  func(b []byte) T
	known map[string]T
}

// maxKnown and maxKnownLen bound a memory. When a storm of new things fills it,
// it starts anew.
const (
	maxKnown    = 4096
	maxKnownLen = 512
)

func (m *memory[T]) of(b []byte) T {
	if v, ok := m.known[string(b)]; ok {
		return v
	}
	v := m.make(b)
	if len(b) > maxKnownLen {
		return v
	}
	if m.known == nil || len(m.known) >= maxKnown {
		m.known = make(map[string]T)
	}
	m.known[string(b)] = v
	return v
}
