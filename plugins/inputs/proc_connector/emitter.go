//go:build linux

package proc_connector

import (
	"os/user"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/redact"
)

const (
	// queueEvents and queueBytes bound the exec events that wait for Telegraf:
	// about two seconds of the fastest storms seen, and 16 MiB of texts.
	queueEvents = 8192
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
	cmdline       string
	exe, cwd      string
	unit          string
	container     string
}

// size is how much memory the event's texts take, in bytes.
func (e *execEvent) size() int {
	return len(e.parentCommand) + len(e.cmdline) + len(e.exe) + len(e.cwd) + len(e.unit) + len(e.container)
}

// forget drops what was read of a process that was not to be trusted. What the
// table of processes knew stays.
func (e *execEvent) forget() {
	e.gone = true
	e.command = commandUnknown
	e.cmdline, e.exe, e.cwd, e.unit, e.container = "", "", "", "", ""
}

// An emitter takes exec events from the receiving thread, which must not wait,
// to Telegraf, which may take its time. What does not fit between them is
// dropped and counted.
type emitter struct {
	acc       telegraf.Accumulator
	fields    map[string]bool
	program   bool // arguments = "none"
	maxLength int  // max_cmdline
	line      []byte
	redactor  *redact.Redactor // nil for arguments = "full"
	redacted  []byte

	queue   chan *execEvent
	queued  atomic.Int64 // bytes in queue
	dropped atomic.Uint64
	users   userNames
}

func newEmitter(acc telegraf.Accumulator, fields []string, program bool, maxLength int) *emitter {
	e := &emitter{
		acc:       acc,
		fields:    make(map[string]bool, len(fields)),
		program:   program,
		maxLength: maxLength,
		queue:     make(chan *execEvent, queueEvents),
		users:     userNames{lookup: user.LookupId},
	}
	for _, f := range fields {
		e.fields[f] = true
	}
	return e
}

// render makes the field cmdline of the arguments as the kernel has them. Only
// the receiving thread calls it.
func (e *emitter) render(arguments []byte) string {
	if !e.fields["cmdline"] {
		return ""
	}
	render := cmdline.Append
	switch {
	case e.program:
		render = cmdline.AppendProgram
	case e.redactor != nil:
		// A masked line is shorter, and must still show that more was there than
		// was read.
		if len(arguments) > e.maxLength+1 {
			render = cmdline.AppendBeginning
		}
		e.redacted = e.redactor.Append(e.redacted[:0], arguments)
		arguments = e.redacted
	}
	e.line = render(e.line[:0], arguments, e.maxLength)
	return string(e.line)
}

// offer queues an event. Only the receiving thread calls it.
func (e *emitter) offer(ev *execEvent) {
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
		e.queued.Add(-int64(ev.size()))
		e.emit(ev)
	}
}

// close tells run that no more events will come.
func (e *emitter) close() { close(e.queue) }

func (e *emitter) emit(ev *execEvent) {
	m := metric.New("proc_connector_exec", map[string]string{"command": ev.command}, nil, ev.time)
	set := func(name string, value interface{}) {
		if e.fields[name] {
			m.AddField(name, value)
		}
	}
	// What is not known is left out: an empty string would say that it is
	// empty, and the id 0 that it is root's.
	text := func(name, value string) {
		if value != "" {
			set(name, value)
		}
	}
	set("pid", int64(ev.pid))
	if ev.ppid != 0 {
		set("ppid", int64(ev.ppid))
	}
	text("parent_command", ev.parentCommand)
	text("cmdline", ev.cmdline)
	text("exe", cmdline.Clean(ev.exe))
	text("cwd", cmdline.Clean(ev.cwd))
	if ev.uidKnown {
		set("uid", uint64(ev.uid))
		if e.fields["user"] {
			set("user", e.users.name(ev.uid, time.Now()))
		}
	}
	text("unit", cmdline.Clean(ev.unit))
	text("container_id", cmdline.Clean(ev.container))
	detail := "full"
	if ev.gone {
		detail = "gone"
	}
	m.AddField("detail", detail)
	e.acc.AddMetric(m)
}

const (
	userExpiry = time.Minute // after which a name is looked up again
	maxUsers   = 4096
)

// userNames remembers the names of users, because looking one up reads a file
// or asks a server.
type userNames struct {
	lookup func(uid string) (*user.User, error)
	known  map[uint32]userName
}

type userName struct {
	name string
	at   time.Time
}

// name returns the name of a user, or the id where there is none.
func (u *userNames) name(uid uint32, now time.Time) string {
	if n, ok := u.known[uid]; ok && now.Sub(n.at) < userExpiry {
		return n.name
	}
	if u.known == nil || len(u.known) >= maxUsers {
		u.known = make(map[uint32]userName)
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if found, err := u.lookup(name); err == nil {
		name = cmdline.Clean(found.Username)
	}
	u.known[uid] = userName{name: name, at: now}
	return name
}
