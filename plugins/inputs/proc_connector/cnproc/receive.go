package cnproc

import (
	"runtime"
	"time"
)

// A Handler is given what a session receives. Its methods are called one at a
// time, on the thread that receives: while they run, events queue up.
type Handler interface {
	// HandleEvents is given a batch of events in the order in which the kernel
	// queued them. What one process causes is in its causal order (a fork
	// before the child's exec, an exec before the exit), because each event is
	// queued before the task goes on; unrelated events of different CPUs may
	// be queued a little out of the order of their timestamps. The slice is
	// used again for the next batch.
	HandleEvents(events []Event)
	// HandleEmpty is called when the queue has been emptied, before Receive
	// goes to sleep: the time for whatever must not be done with events still
	// waiting. What the kernel had queued by the time until, in nanoseconds of
	// CLOCK_MONOTONIC, has been handed over. If no event comes for the time
	// again, it is called once more; 0 means that there is no need.
	HandleEmpty(missed Missed, until uint64) (again time.Duration)
}

// Missed says what did not reach a Handler since it was last told. Which events
// those were, nobody knows.
type Missed struct {
	// Lost is how many events the kernel dropped because the queue was full.
	Lost uint64
	// Deaf says that there were others, because other programs had silenced the
	// connector.
	Deaf bool
}

// Any reports whether anything was missed.
func (m Missed) Any() bool { return m.Lost > 0 || m.Deaf }

// drainTime bounds how long a closing session goes on handing over what was
// queued before it left the group.
const drainTime = time.Second

// Receive hands events to h until the session is closed, and then returns nil.
// It runs on an OS thread of its own (runtime.LockOSThread), which sleeps in
// poll(2) while nothing happens, and allocates nothing.
//
// If h panics, IGNORE is sent before the panic goes on.
//
// Errors: ErrClosed and ErrReceiving (errors.Is) when it cannot start; an
// *OpError of operation "receive" when the socket fails, after which the session
// is of no use and must be closed.
func (s *Session) Receive(h Handler) error {
	s.mu.Lock()
	switch {
	case !s.state.owing():
		s.mu.Unlock()
		return &OpError{Op: "receive", Err: ErrClosed}
	case s.receiving:
		s.mu.Unlock()
		return &OpError{Op: "receive", Err: ErrReceiving}
	}
	s.receiving = true
	s.mu.Unlock()
	defer close(s.received)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	ended := false
	defer func() {
		if !ended {
			// A panic in h. Nothing is recovered here; the process is about
			// to end, and this is the last chance to leave the count as it was.
			_ = s.Ignore() //nolint:errcheck // the panic is the news, and it is on its way
		}
	}()
	err := s.follow(h)
	ended = true
	if err != nil {
		return &OpError{Op: "receive", Err: err}
	}
	return nil
}

// follow is Receive without its beginning and end.
func (s *Session) follow(h Handler) error {
	var (
		events [batchLen]Event
		loss   lossMeter
		full   int       // batches in a row that were full
		until  time.Time // set once the session is closing
	)
	for {
		asked := uint64(s.clock.monotonic())
		batch, err := s.sock.receive(batchLen)
		if err != nil {
			return err
		}
		if n := s.decode(batch, events[:]); n > 0 {
			h.HandleEvents(events[:n])
			s.noteLag(s.clock.monotonic(), events[n-1].Timestamp) //nolint:gosec // G602: n is at most batchLen
		}
		if !until.IsZero() && (len(batch) == 0 || time.Now().After(until)) {
			return nil
		}

		if len(batch) == batchLen { // there is probably more
			if full++; full%lossInterval == 0 {
				if err := loss.read(s); err != nil {
					return err
				}
			}
			continue
		}
		full = 0
		if err := loss.read(s); err != nil {
			return err
		}
		again := h.HandleEmpty(Missed{Lost: loss.take(), Deaf: s.gap.Swap(false)}, asked)
		switch {
		case !until.IsZero():
			continue
		case s.closing.Load():
			until = time.Now().Add(drainTime)
			continue
		}
		if err := s.sock.wait(again, time.Duration(s.coalesce.Load())); err != nil {
			return err
		}
	}
}

// coalesceTime shortens the time during which events queue up, so that the fastest
// storms that kernels can make (eventsPerSecond) fill no more than a quarter of a
// buffer, whose size is as in Config.
func coalesceTime(asked time.Duration, buffer int) time.Duration {
	const (
		// An event takes 768 bytes of twice the size that was asked for.
		eventSize       = 768 / 2
		eventsPerSecond = 2_000_000
	)
	return min(asked, time.Duration(buffer/eventSize/4)*time.Second/eventsPerSecond)
}

// lossInterval is after how many full batches in a row the loss is read all the
// same: a queue that overruns is not empty for a long time.
const lossInterval = 256

// A lossMeter follows the kernel's drop counter.
type lossMeter struct {
	drops  uint32 // as last read
	untold uint64 // what the Handler has not been told yet
}

func (m *lossMeter) read(s *Session) error {
	drops, err := s.sock.drops()
	if err != nil {
		return err
	}
	lost := uint64(drops - m.drops) // modulo 2^32, like the kernel's counter
	m.drops = drops
	m.untold += lost
	s.lost.Add(lost)
	return nil
}

// take returns what the Handler is to be told.
func (m *lossMeter) take() uint64 {
	lost := m.untold
	m.untold = 0
	return lost
}

// decode turns a batch into events, leaves out what is none, and returns their
// number.
func (s *Session) decode(batch []datagram, events []Event) int {
	if len(batch) == 0 {
		return 0
	}
	now := s.clock.update()
	n := 0
	for _, d := range batch {
		if d.sender != 0 {
			s.spoofed.Add(1)
			continue
		}
		e := &events[n]
		if err := Decode(d.bytes, e); err != nil {
			s.malformed.Add(1)
			continue
		}
		if e.What == WhatNone {
			continue // an answer to some program's LISTEN or IGNORE
		}
		e.Time = s.clock.time(e.Timestamp)
		n++
	}
	if n > 0 {
		s.noteLag(now, events[0].Timestamp)
	}
	s.events.Add(uint64(n))
	return n
}

// noteLag remembers the largest delay between an event and its handling, both
// in nanoseconds of CLOCK_MONOTONIC.
func (s *Session) noteLag(now int64, timestamp uint64) {
	if lag := now - int64(timestamp); lag > s.lag.Load() {
		s.lag.Store(lag)
	}
}

// TakeLag returns the largest delay from an event to its handling since the
// last call.
func (s *Session) TakeLag() time.Duration { return time.Duration(s.lag.Swap(0)) }
