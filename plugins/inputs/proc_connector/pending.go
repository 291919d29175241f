//go:build linux

package proc_connector

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// A request asks the receiver for a snapshot of what was until a time in nanoseconds of
// CLOCK_MONOTONIC.
type request struct {
	at    uint64
	reply chan snapshot
}

// receive scans /proc and then follows events until the session is closed.
func (s *service) receive() {
	defer close(s.received)
	if err := s.tracker.scan(); err != nil {
		s.log.Warnf("Initial scan of /proc failed; parent_command will be missing for children of existing processes: %v", err)
	}
	err := s.follow()
	s.tracker.finish()
	s.emitter.flush()
	s.last = s.tracker.snapshot()
	if !errors.Is(err, cnproc.ErrClosed) {
		s.failure.Store(&err)
		s.acc.AddError(fmt.Errorf("receiving events ended: %w", err))
		s.ignore()
	}
}

// follow does all that there is to do for what has come in a while in one go: it reads,
// observes, applies and emits.
func (s *service) follow() error {
	var b cnproc.Batch
	var asked request
	patience := s.tracker.patience()
	for {
		if err := s.session.Read(&b, patience); err != nil {
			return err
		}
		for i := range b.Events {
			s.tracker.take(&b.Events[i])
		}
		if b.Until != 0 {
			s.tracker.emptied(b.Missed(), b.Until)
		}
		if asked.reply == nil {
			select {
			case asked = <-s.requests:
				s.tracker.lookAgain()
			default:
			}
		}
		if patience = s.tracker.patience(); patience != 0 && b.Until != 0 {
			s.emitter.flush()
		}
		if asked.reply != nil && (s.tracker.settled(asked.at) || s.host.clock.monotonic() > asked.at+uint64(s.host.patience/2)) {
			asked.reply <- s.tracker.snapshot()
			asked = request{}
		}
	}
}

// An event waits here, in the order of the queue, until what was observed of its
// process is final: until the queue has been read past the moment of the observation.
// The process may have gone on by that moment, and all that it did until then is in
// the queue.

const (
	// lookMargin is how long before its event an exec begins to show in /proc: the
	// kernel gives the process its new name and memory, loads the program, and then
	// reports.
	lookMargin = 250 * time.Microsecond

	// settleTime is how long the last events wait for others to show that they were
	// the last, and by how much events of different CPUs may be out of order.
	settleTime = 10 * time.Millisecond

	// maxPending bounds the events that wait. With more, an exec that is not final is
	// reported as gone.
	maxPending = 1 << 13

	// maxSpare is how many execs of which there was no metric are kept to be filled again.
	maxSpare = 256

	// maxLooks bounds the processes without a first thread that are looked at in one
	// go, and lookInterval is the time between two.
	maxLooks     = 64
	lookInterval = 200 * time.Millisecond
)

// An observation is what was seen of an event's process when the event was read.
type observation struct {
	// final is the time, in nanoseconds of CLOCK_MONOTONIC, until which further events
	// may contradict it. 0: nothing was observed.
	final uint64
	exec  *execEvent // of an exec
	fate  fate       // of the exit of a first thread
	// leaderless is the process whose end was observed without an event.
	leaderless *ending
}

// A fate is what became of a process whose first thread has exited.
type fate uint8

const (
	undecided fate = iota // other threads were left, or the id was another process's
	ended                 // no thread was left
	livesOn               // another thread has called exec, and is the first now
)

// A pendingEvent is an event whose observation is not final, or one behind it.
type pendingEvent struct {
	cnproc.Event
	observation
}

// pending is the queue of events that wait.
type pending struct {
	events []pendingEvent // from index head on
	head   int
	first  uint64 // number of events[head]; each has the next number

	// Numbers of the latest exec and exit of a process.
	execs, exits map[int32]uint64
}

func newPending() pending {
	return pending{execs: make(map[int32]uint64), exits: make(map[int32]uint64)}
}

func (p *pending) len() int { return len(p.events) - p.head }

func (p *pending) add(e *cnproc.Event, o observation) {
	if p.head > 0 && len(p.events) == cap(p.events) {
		p.events = p.events[:copy(p.events, p.events[p.head:])]
		p.head = 0
	}
	number := p.first + uint64(p.len())
	switch {
	case o.exec != nil:
		p.execs[e.Task.TGID] = number
	case o.final != 0:
		p.exits[e.Task.TGID] = number
	}
	p.events = append(p.events, pendingEvent{*e, o})
}

// oldest is valid until add.
func (p *pending) oldest() *pendingEvent { return &p.events[p.head] }

// remove removes the oldest.
func (p *pending) remove() {
	e := p.oldest()
	if pid := e.Task.TGID; e.exec != nil && p.execs[pid] == p.first {
		delete(p.execs, pid)
	} else if e.exec == nil && e.final != 0 && p.exits[pid] == p.first {
		delete(p.exits, pid)
	}
	*e = pendingEvent{} // let go of what it points to
	p.head++
	p.first++
	if p.len() == 0 {
		p.events, p.head = p.events[:0], 0
	}
}

func (p *pending) at(number uint64) *pendingEvent { return &p.events[p.head+int(number-p.first)] }

// executed takes note of an exec, of which next was read: it contradicts what was read
// of the exec before unless that has other arguments, and that the process has ended.
func (p *pending) executed(pid int32, timestamp uint64, next *execEvent) {
	p.decide(pid, livesOn)
	if old := p.doubtful(pid, timestamp); old != nil &&
		(old.readAt >= timestamp || old.gone || next.gone || bytes.Equal(old.cmdline, next.cmdline)) {
		old.forget()
	}
}

// reused takes note of a fork that gave the id to a new process: the one before has
// ended, and what was read of it may be of the new one.
func (p *pending) reused(pid int32, timestamp uint64) {
	p.decide(pid, ended)
	if old := p.doubtful(pid, timestamp); old != nil {
		old.forget()
	}
	delete(p.execs, pid)
}

// renamed takes note of a new name: what was read of the exec before may be that name
// already.
func (p *pending) renamed(pid int32, timestamp uint64) {
	if old := p.doubtful(pid, timestamp); old != nil {
		old.guessed = true
	}
}

// decide says what became of a process whose exit waits.
func (p *pending) decide(pid int32, f fate) {
	if n, ok := p.exits[pid]; ok {
		p.at(n).fate = f
		delete(p.exits, pid)
	}
}

// doubtful returns what was read of a process's latest exec, if what it did at a time may
// contradict that.
func (p *pending) doubtful(pid int32, timestamp uint64) *execEvent {
	if n, ok := p.execs[pid]; ok && timestamp < p.at(n).final {
		return p.at(n).exec
	}
	return nil
}

// take observes what only this moment can tell of an event, and applies the event at
// once if nothing has to wait. Events are taken in the order of the queue.
func (t *tracker) take(e *cnproc.Event) {
	if e.Timestamp > uint64(settleTime) {
		t.applyUntil(e.Timestamp - uint64(settleTime))
	}
	o := t.observe(e)
	if o.final == 0 && t.pending.len() == 0 {
		t.apply(e, &o)
		return
	}
	if t.pending.len() == maxPending {
		if old := t.pending.oldest(); old.exec != nil {
			old.exec.forget()
		}
		t.applyOldest()
	}
	t.pending.add(e, o)
}

// observe looks at the process of an event, where what it shows is not for ever.
func (t *tracker) observe(e *cnproc.Event) (o observation) {
	if e.Thread() {
		return o
	}
	pid := e.Task.TGID
	switch e.What {
	case cnproc.EventFork:
		t.pending.reused(pid, e.Timestamp)
	case cnproc.EventComm:
		t.pending.renamed(pid, e.Timestamp)
	case cnproc.EventExec:
		o.exec = t.read(e)
		o.final = o.exec.readAt + uint64(lookMargin)
		t.pending.executed(pid, e.Timestamp, o.exec)
	case cnproc.EventExit:
		o.final = t.clock.monotonic()
		if t.dead(pid) {
			o.fate = ended
		}
	default: // nothing but what it says
	}
	return o
}

// read reads what an exec is of.
func (t *tracker) read(e *cnproc.Event) *execEvent {
	ev := new(execEvent)
	if n := len(t.spare); n > 0 {
		ev, t.spare = t.spare[n-1], t.spare[:n-1]
	}
	t.reader.read(e, &ev.details)
	if ev.readAt == 0 {
		ev.readAt = t.clock.monotonic()
	}
	ev.cmdline = append(ev.room[:0], ev.cmdline...)
	return ev
}

// dead reports whether a process whose first thread's exit was reported has no other
// threads left. When the answer is no although the first thread lives, its id belongs
// to somebody else by now: another thread that called exec, or a new process. The event
// that says which is on its way.
func (t *tracker) dead(pid int32) bool {
	var st procfs.Stat
	if t.fs.Unused(pid) || t.fs.Stat(pid, &st) != nil {
		return true
	}
	// No thread at all is what a first thread shows at the moment at which it is taken
	// away, be it by its parent or by a thread that calls exec.
	return st.Exiting() && st.Threads == 1
}

// emptied is called when the queue was empty, and what had been queued by the time
// until was taken. It applies what is final by now, and repairs the table if events
// were missed.
func (t *tracker) emptied(missed bool, until uint64) {
	t.applyUntil(until)
	t.until = until
	if t.pending.len() == 0 {
		t.confirmed = false
	}
	t.syncDue = t.syncDue || missed
	now := t.clock.monotonic()
	if t.syncDue && now >= t.synced+uint64(resyncInterval) {
		t.resync()
	}
	if now >= t.looked+uint64(lookInterval) {
		t.lookAgain()
	}
}

// patience is how long to wait for the next event, as Session.Read takes it. Once the
// queue is empty it is looked at once more, so that the last events are final.
func (t *tracker) patience() time.Duration {
	switch {
	case t.pending.len() == 0:
		return -1
	case t.confirmed:
		return settleTime
	}
	t.confirmed = true
	return 0
}

// settled reports whether all events up to a time were applied.
func (t *tracker) settled(at uint64) bool {
	return t.until >= at && (t.pending.len() == 0 || t.pending.oldest().Timestamp > at)
}

// applyUntil applies the events that are final when the queue has been read up to a
// time.
func (t *tracker) applyUntil(until uint64) {
	for t.pending.len() > 0 && t.pending.oldest().final < until {
		t.applyOldest()
	}
}

// flush applies all events: no others will come to contradict them.
func (t *tracker) flush() {
	for t.pending.len() > 0 {
		t.applyOldest()
	}
}

func (t *tracker) applyOldest() {
	e := t.pending.oldest()
	t.apply(&e.Event, &e.observation)
	t.pending.remove()
}

// lookAgain looks at processes whose first thread has left before the others: no event
// tells their end. However many there are, it looks at a few, in the random order of a map.
func (t *tracker) lookAgain() {
	t.looked = t.clock.monotonic()
	n := 0
	for pid, e := range t.leaderless {
		if n++; n > maxLooks {
			return
		}
		if e.found {
			continue
		}
		if !t.dead(pid) {
			e.alive = t.looked
			continue
		}
		e.found = true
		now := t.clock.monotonic()
		if e.alive != 0 {
			e.end = max(e.end, now)
		}
		// Without a time, so that a gather waits for it: see settled.
		exit := cnproc.Event{What: cnproc.EventExit, Task: cnproc.Task{PID: pid, TGID: pid}}
		t.pending.add(&exit, observation{final: now, leaderless: e, fate: ended})
	}
}
