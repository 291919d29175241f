//go:build linux

package proc_connector

import (
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"golang.org/x/time/rate"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/users"
)

const (
	// queueEvents and queueBytes bound the events that wait for Telegraf. These
	// are as many execs as fit into the default receive buffer, each with its fork
	// and its exit: what the kernel has held back for the plugin can be read at
	// once, whatever Telegraf does meanwhile.
	queueEvents = 32768
	queueBytes  = 16 << 20
)

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

	batch    []event    // of the receiving goroutine: offered, not flushed yet
	mu       sync.Mutex // guards waiting and closed
	waiting  []event
	closed   bool
	ready    chan struct{}
	count    atomic.Int64 // offered, and not emitted yet
	queued   atomic.Int64 // size of their texts, in bytes
	dropped  atomic.Uint64
	redacted atomic.Uint64 // command lines in which something was masked
	users    *users.Names

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
		ready:     make(chan struct{}, 1),
		users:     &users.Names{Lookup: user.LookupId},
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

// offer queues an event, which goes on with flush. Only the receiving goroutine
// calls both.
func (e *emitter) offer(ev event) {
	if e.count.Load() >= queueEvents || e.queued.Load() > queueBytes {
		e.dropped.Add(1)
		return
	}
	e.count.Add(1)
	e.queued.Add(int64(ev.size()))
	e.batch = append(e.batch, ev)
	if len(e.batch) == maxBatch {
		e.flush()
	}
}

const maxBatch = 1024

// flush hands over what was offered.
func (e *emitter) flush() {
	if len(e.batch) == 0 {
		return
	}
	e.mu.Lock()
	e.waiting = append(e.waiting, e.batch...)
	e.mu.Unlock()
	clear(e.batch)
	e.batch = e.batch[:0]
	e.wake()
}

func (e *emitter) wake() {
	select {
	case e.ready <- struct{}{}:
	default:
	}
}

// A flusher is an accumulator that wants to know when a batch is complete.
type flusher interface{ Flush() }

// run emits until close was called and all was emitted.
func (e *emitter) run() {
	var events []event
	for range e.ready {
		e.mu.Lock()
		events, e.waiting = e.waiting, events[:0]
		closed := e.closed
		e.mu.Unlock()
		for i, ev := range events {
			e.emit(ev)
			events[i] = nil
		}
		if acc, ok := e.acc.(flusher); ok {
			acc.Flush()
		}
		if closed {
			return
		}
	}
}

// emit hands an event to Telegraf.
func (e *emitter) emit(ev event) {
	e.acc.AddMetric(ev.toMetric(e))
	e.queued.Add(-int64(ev.size()))
	e.count.Add(-1)
}

// close tells run that no more events will come: the receiving goroutine has ended.
func (e *emitter) close() {
	e.flush()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.wake()
}

// A limiter bounds how many event metrics there are a second, by the times of
// the events: a backlog that is worked off in one go is not a storm.
type limiter struct {
	bucket  *rate.Limiter // nil: no limit
	latest  uint64
	dropped uint64
}

func newLimiter(perSecond int) *limiter {
	if perSecond == 0 {
		return new(limiter)
	}
	return &limiter{bucket: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// allow reports whether there may be a metric of an event at a time in
// nanoseconds of CLOCK_MONOTONIC. One that is refused is counted. Only the
// receiving thread calls it.
func (l *limiter) allow(timestamp uint64) bool {
	if l.bucket == nil {
		return true
	}
	// A time before the last would let the bucket fill up twice.
	l.latest = max(l.latest, timestamp)
	if l.bucket.AllowN(time.Unix(0, int64(l.latest)), 1) {
		return true
	}
	l.dropped++
	return false
}

// limitInterval is how often it is logged that the limit bites.
const limitInterval = time.Minute

// A limitReport tells of a limiter that bites, now and then.
type limitReport struct {
	told uint64 // refused events of which was told
	at   time.Time
}

// due returns how many events were refused that nobody was told of, if it is
// time to tell.
func (r *limitReport) due(dropped uint64, now time.Time) uint64 {
	if dropped == r.told || !r.at.IsZero() && now.Sub(r.at) < limitInterval {
		return 0
	}
	n := dropped - r.told
	r.told, r.at = dropped, now
	return n
}
