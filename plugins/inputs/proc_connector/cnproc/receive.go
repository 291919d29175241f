package cnproc

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// A Batch is what Read returns.
type Batch struct {
	// Events are valid until the next Read. What one process causes is in its causal
	// order (a fork before the child's exec, an exec before the exit), because each event
	// is queued before the task goes on; unrelated events of different CPUs may be a
	// little out of the order of their timestamps.
	Events []Event
	// Until says that the queue is empty: what the kernel had queued by that time,
	// in nanoseconds of CLOCK_MONOTONIC, was read. 0: more is waiting.
	Until uint64
	// What is missing since it was last told, with an empty queue.
	Lost     uint64 // events that the kernel dropped because the queue was full
	Silenced bool   // it reported none for a while, because others had silenced the connector
}

// Missed reports whether events are missing.
func (b *Batch) Missed() bool { return b.Lost > 0 || b.Silenced }

// drainTime bounds how long a session that has left the group hands over what was queued.
const drainTime = time.Second

// A receiver is the receiving side of a session.
type receiver struct {
	mu     sync.Mutex // held by Read, guards what follows
	events [batchLen]Event
	empty  bool   // the queue was, when last read
	full   int    // batches in a row that were full
	drops  uint32 // the kernel's counter, when last read
	untold uint64 // losses
	until  time.Time
	closed bool

	window  atomic.Int64 // nanoseconds
	closing atomic.Bool  // the session has left the group
	reading atomic.Bool  // Read was called
	gap     atomic.Bool  // events were missed while the connector was silenced
}

// Read fills b with what is queued, up to a batch. Once the queue is empty it waits for
// the next event, and then for Config.Window, or until a storm has filled a part of the
// queue. If no event comes for the time idle, unless that is negative, or Wake was
// called, b has no events. It allocates nothing.
//
// The error is ErrClosed (errors.Is) when IGNORE was sent and the queue is empty. After
// any other the session is of no use and must be closed.
func (s *Session) Read(b *Batch, idle time.Duration) error {
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	return at("read", s.readBatch(b, idle))
}

func (s *Session) readBatch(b *Batch, idle time.Duration) error {
	r := &s.receiver
	*b = Batch{}
	r.reading.Store(true)
	closing := r.closing.Load()
	switch {
	case r.closed:
		return ErrClosed
	case closing && r.until.IsZero():
		r.until = time.Now().Add(drainTime)
	case closing && (r.empty || time.Now().After(r.until)):
		return ErrClosed
	case r.empty && !closing && idle != 0:
		if err := s.sock.wait(idle, time.Duration(r.window.Load())); err != nil {
			return err
		}
	}
	_, asked := s.clock.read()
	batch, err := s.sock.receive(batchLen)
	if err != nil {
		return err
	}
	b.Events = r.events[:s.decode(batch, r.events[:])]
	r.empty = len(batch) < batchLen
	if r.empty {
		r.full = 0
	} else if r.full++; r.full%lossInterval != 0 {
		return nil
	}
	if err := s.countLoss(); err != nil {
		return err
	}
	if r.empty {
		b.Until, b.Lost, b.Silenced = uint64(asked), r.untold, r.gap.Swap(false)
		r.untold = 0
	}
	return nil
}

// Wake has Read return, or the next one if there is none.
func (s *Session) Wake() error { return s.sock.wake() }

// lossInterval is after how many full batches in a row the loss is read all the same.
const lossInterval = 256

// countLoss follows the kernel's drop counter.
func (s *Session) countLoss() error {
	drops, err := s.sock.drops()
	if err != nil {
		return err
	}
	lost := uint64(drops - s.receiver.drops) // modulo 2^32, like the kernel's counter
	s.receiver.drops = drops
	s.receiver.untold += lost
	s.tally(func(st *Stats) { st.Lost += lost })
	return nil
}

// decode turns a batch into events and returns their number.
func (s *Session) decode(batch []datagram, events []Event) (n int) {
	if len(batch) == 0 {
		return 0
	}
	now := s.clock.update()
	s.tally(func(st *Stats) {
		for _, d := range batch {
			e := &events[n]
			switch {
			case d.sender != 0:
				st.Spoofed++
			case Decode(d.bytes, e) != nil:
				st.Malformed++
			case e.What != eventNone: // which answers some program's LISTEN or IGNORE
				e.Time = s.clock.time(e.Timestamp)
				n++
			}
		}
		st.Events += uint64(n)
		if n > 0 {
			s.lag = max(s.lag, time.Duration(now-int64(events[0].Timestamp)))
		}
	})
	return n
}

// TakeLag returns the largest delay from an event to its reading since the last call.
func (s *Session) TakeLag() (lag time.Duration) {
	s.tally(func(*Stats) { lag, s.lag = s.lag, 0 })
	return lag
}

// Decode reads one datagram, from the start of its nlmsghdr, into e. It allocates nothing
// and keeps no reference to b. Of an unknown type e has What, CPU and Timestamp.
//
// The error is ErrMalformed (errors.Is) when b is cut short, when its inner lengths contradict
// each other, or when it is no message of the process connector; e is then undefined.
func Decode(b []byte, e *Event) error {
	order := binary.NativeEndian
	// nlmsg_len bounds the message within the datagram, cn_msg.len the event within the
	// message. Nothing behind them is looked at before they are checked.
	if len(b) < offData {
		return errShort
	}
	end := offData + int(order.Uint16(b[offLen:]))
	switch n := order.Uint32(b); {
	case n < offData || uint64(n) > uint64(len(b)):
		return errLength
	case order.Uint32(b[offIdx:]) != cnIdxProc || order.Uint32(b[offVal:]) != cnValProc:
		return errForeign
	case end > int(n):
		return errLength
	case end < offEvent:
		return errShort
	}

	*e = Event{
		What:      EventType(order.Uint32(b[offWhat:])),
		CPU:       order.Uint32(b[offCPU:]),
		Timestamp: order.Uint64(b[offTimestamp:]),
	}
	union := b[offEvent:end]
	if len(union) < e.What.unionLen() {
		return errShort
	}
	word := func(off int) uint32 { return order.Uint32(union[off:]) }
	task := func(off int) Task { return Task{PID: int32(word(off)), TGID: int32(word(off + 4))} }

	switch e.What {
	case eventNone:
		e.ack, e.ackErrno = order.Uint32(b[offAck:]), word(0)
	case EventFork:
		e.Parent, e.Task = task(0), task(8)
	case EventExec, EventSID:
		e.Task = task(0)
	case EventUID, EventGID:
		e.Task, e.RealID, e.EffectiveID = task(0), word(8), word(12)
	case EventPtrace:
		e.Task, e.Tracer = task(0), task(8)
	case EventComm:
		e.Task = task(0)
		copy(e.Comm[:], union[8:])
	case EventCoredump:
		e.Task, e.Parent = task(0), task(8)
	case EventExit:
		e.Task, e.ExitStatus, e.ExitSignal = task(0), ExitStatus(word(8)), int32(word(12))
		if len(union) >= 24 { // since Linux 4.18
			e.Parent = task(16)
		}
	}
	return nil
}

// unionLen is how many bytes of the union an event of this type needs.
func (w EventType) unionLen() int {
	switch w {
	case eventNone:
		return 4
	case EventExec, EventSID:
		return 8
	case EventFork, EventUID, EventGID, EventPtrace, EventCoredump, EventExit:
		return 16
	case EventComm:
		return 8 + CommLen
	default:
		return 0
	}
}
