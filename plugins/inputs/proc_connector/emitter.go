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
)

const (
	// queueEvents and queueBytes bound the exec events that wait for Telegraf:
	// about two seconds of the fastest storms seen, and 16 MiB of command
	// lines.
	queueEvents = 8192
	queueBytes  = 16 << 20
)

// An execEvent is one metric proc_connector_exec to be.
type execEvent struct {
	time          time.Time
	command       string
	gone          bool
	pid, ppid     int32
	uid           uint32
	parentCommand string
	cmdline       string
	exe, cwd      string
	unit          string
	container     string
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

	queue   chan *execEvent
	queued  atomic.Int64 // bytes of command lines in queue
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

// offer queues an event, whose command line is made from d. Only the receiving
// thread calls it.
func (e *emitter) offer(d *details, ev *execEvent) {
	if len(e.queue) == cap(e.queue) || e.queued.Load() > queueBytes {
		e.dropped.Add(1)
		return
	}
	if e.fields["cmdline"] {
		if e.program {
			e.line = cmdline.AppendProgram(e.line[:0], d.cmdline, e.maxLength)
		} else {
			e.line = cmdline.Append(e.line[:0], d.cmdline, e.maxLength)
		}
		ev.cmdline = string(e.line)
	}
	e.queued.Add(int64(len(ev.cmdline)))
	e.queue <- ev // has room: nobody else sends
}

// run emits until close was called and the queue is empty.
func (e *emitter) run() {
	for ev := range e.queue {
		e.queued.Add(-int64(len(ev.cmdline)))
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
	// A string that is not known is left out: an empty one would say that it
	// is empty.
	text := func(name, value string) {
		if value != "" {
			set(name, value)
		}
	}
	set("pid", int64(ev.pid))
	set("ppid", int64(ev.ppid))
	text("parent_command", ev.parentCommand)
	text("cmdline", ev.cmdline)
	text("exe", cmdline.Clean(ev.exe))
	text("cwd", cmdline.Clean(ev.cwd))
	set("uid", uint64(ev.uid))
	if e.fields["user"] {
		set("user", e.users.name(ev.uid, time.Now()))
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
