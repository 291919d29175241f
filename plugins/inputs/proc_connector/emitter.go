//go:build linux

package proc_connector

import (
	"os/user"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

const (
	// queueEvents and queueBytes bound the events that wait for Telegraf. These
	// are as many execs as fit into the default receive buffer, each with its fork
	// and its exit: what the kernel has held back for the plugin can be read at
	// once, whatever Telegraf does meanwhile.
	queueEvents = 32768
	queueBytes  = 16 << 20
)

// An execEvent is one metric proc_connector_exec to be.
type execEvent struct {
	time          time.Time
	command       string
	gone          bool
	pid, ppid     int32 // ppid is 0 when it is not known
	uid           uint32
	uidKnown      bool
	parentCommand string
	arguments     []byte // as the kernel has them, secrets too: only for render
	exe, cwd      string
	unit          string
	container     string

	room [128]byte // for arguments: most are no longer
}

// keepArguments copies arguments into the event.
func (ev *execEvent) keepArguments(arguments []byte) {
	ev.arguments = append(ev.room[:0], arguments...)
}

func (ev *execEvent) size() int {
	return len(ev.parentCommand) + len(ev.arguments) + len(ev.exe) + len(ev.cwd) + len(ev.unit) + len(ev.container)
}

// forget drops what was read of a process that was not to be trusted. What the
// table of processes knew stays.
func (ev *execEvent) forget() {
	ev.gone = true
	ev.command = series.Unknown
	ev.arguments = nil
	ev.exe, ev.cwd, ev.unit, ev.container = "", "", "", ""
}

// An event is a metric to be.
type event interface {
	// size is how much memory its texts take, in bytes.
	size() int
	toMetric(e *emitter) telegraf.Metric
}

// An emitter takes events from the receiving thread, which must not wait,
// to Telegraf, which may take its time. What does not fit between them is
// dropped and counted.
type emitter struct {
	acc       telegraf.Accumulator
	fields    map[string]bool
	program   bool // arguments = "none"
	maxLength int  // max_cmdline
	mask      mask // nil where nothing is masked

	queue    chan event
	queued   atomic.Int64 // bytes in queue
	dropped  atomic.Uint64
	redacted atomic.Uint64 // command lines in which something was masked
	users    userNames

	raw, masked, line []byte // used again for each line
}

// A mask appends arguments to dst without what is not to be shown of them, and
// reports whether there was any.
type mask func(dst, raw []byte) (out []byte, masked bool)

func newEmitter(acc telegraf.Accumulator, fields []string, program bool, maxLength int) *emitter {
	e := &emitter{
		acc:       acc,
		fields:    make(map[string]bool, len(fields)),
		program:   program,
		maxLength: maxLength,
		queue:     make(chan event, queueEvents),
		users:     userNames{lookup: user.LookupId},
	}
	for _, f := range fields {
		e.fields[f] = true
	}
	return e
}

// render makes the field cmdline of the arguments as the kernel has them. It may
// take its time, so only the goroutine that emits calls it.
func (e *emitter) render(arguments []byte) string {
	render := cmdline.Append
	switch {
	case e.program:
		render = cmdline.AppendProgram
	case e.mask != nil:
		// A masked line is shorter, and must still show that more was there than
		// was read.
		if len(arguments) > e.maxLength+1 {
			render = cmdline.AppendBeginning
		}
		var masked bool
		e.masked, masked = e.mask(e.masked[:0], arguments)
		arguments = e.masked
		if masked {
			e.redacted.Add(1)
		}
	}
	e.line = render(e.line[:0], arguments, e.maxLength)
	return string(e.line)
}

// offer queues an event. Only the receiving thread calls it.
func (e *emitter) offer(ev event) {
	if len(e.queue) == cap(e.queue) || e.queued.Load() > queueBytes {
		e.dropped.Add(1)
		return
	}
	e.queued.Add(int64(ev.size()))
	e.queue <- ev // has room: nobody else sends
}

// run emits until close was called and the queue is empty.
func (e *emitter) run() {
	for ev := range e.queue {
		e.emit(ev)
	}
}

// emit hands an event that was taken from the queue to Telegraf.
func (e *emitter) emit(ev event) {
	e.queued.Add(-int64(ev.size()))
	e.acc.AddMetric(ev.toMetric(e))
}

// close tells run that no more events will come.
func (e *emitter) close() { close(e.queue) }

func (ev *execEvent) toMetric(e *emitter) telegraf.Metric {
	m := newEventMetric("proc_connector_exec", ev.time)
	m.tag("command", ev.command)
	if e.fields["pid"] {
		m.set("pid", int64(ev.pid))
	}
	// What is not known is left out: an empty string would say that it is
	// empty, and the id 0 that it is root's.
	if ev.ppid != 0 && e.fields["ppid"] {
		m.set("ppid", int64(ev.ppid))
	}
	text := func(name, value string) {
		if value != "" && e.fields[name] {
			m.set(name, value)
		}
	}
	text("parent_command", ev.parentCommand)
	if e.fields["cmdline"] {
		text("cmdline", e.render(ev.arguments))
	}
	text("exe", cmdline.Clean(ev.exe))
	text("cwd", cmdline.Clean(ev.cwd))
	if ev.uidKnown && e.fields["uid"] {
		m.set("uid", uint64(ev.uid))
	}
	if ev.uidKnown && e.fields["user"] {
		m.set("user", e.users.get(ev.uid, time.Now()).boxed)
	}
	text("unit", cmdline.Clean(ev.unit))
	text("container_id", cmdline.Clean(ev.container))
	if ev.gone {
		m.set("detail", "gone")
	} else {
		m.set("detail", "full")
	}
	return m
}
