package cnproc

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// This file is the life of a session, which goes down the list of states. Only verify goes
// back, from stateSilenced to stateListening. Close leads to stateClosed from wherever it is
// called, by way of Ignore where an IGNORE is owed.
//
// Such a state is left under the mutex before IGNORE is sent, so that there is never a
// second one: not from another goroutine, not after an error, not after a panic. What goes
// wrong from there on, or before LISTEN is known to be taken, leaves the kernel's count one
// too high.
type state int

// The states, and what enters them.
const (
	stateNew       state = iota // no socket
	stateDialed                 // Open: a socket that is in no group
	stateJoined                 // Open: a member; events arrive if another program listens
	stateAsked                  // listen: LISTEN was sent, the kernel's answer is not known yet
	stateCounted                // listen: acknowledged, or taken for certain   ┐
	stateListening              // Open, verify: the kernel reports events      ├ one IGNORE is owed
	stateSilenced               // verify: it reports nothing to anybody        ┘
	stateIgnored                // Ignore: nothing is owed any more; Read may still be draining
	stateClosed                 // Close: no socket
)

// owing reports whether one IGNORE is owed.
func (s state) owing() bool { return s >= stateCounted && s <= stateSilenced }

// A Session is one listener. Its methods may be called from any goroutine.
type Session struct {
	sys           system
	sock          socket
	clock         clock
	receiveBuffer int
	port          uint32
	mayRepair     bool
	leases        *leaseDir   // nil: none are kept
	opening       CheckResult // complete when Open returns

	hurry        atomic.Bool // IGNORE is wanted: the holder of mu does not wait for other sessions
	mu           sync.Mutex  // held while the count is worked on, not by Read; guards what follows
	state        state
	lease        *lease
	ignoreErr    error       // what sending IGNORE came to
	closingFound CheckResult // what Ignore found
	depth        int         // how far the count was raised since the connector was found silenced

	receiver  receiver
	closeOnce sync.Once
	closeErr  error

	statsMu sync.Mutex // guards what follows
	stats   Stats
	lag     time.Duration
}

// Open starts to listen: when it returns without error, the kernel has counted this
// session. Whether it reports events, Opening says. If Open fails, the kernel's count
// is what it was before.
//
// Errors are *OpError. errors.Is tells the reason, from ErrNoConnector to ErrRefused.
func Open(cfg Config) (*Session, error) { return openOn(hostSystem(cfg.Proc), cfg) }

func openOn(sys system, cfg Config) (_ *Session, err error) {
	if cfg.ReceiveBuffer == 0 {
		cfg.ReceiveBuffer = DefaultReceiveBuffer
	}
	s := &Session{sys: sys, mayRepair: cfg.Repair, clock: newClock(hostClock())}
	if s.sock, err = sys.dial(); err != nil {
		return nil, &OpError{Op: "dial", Err: err}
	}
	s.state = stateDialed
	opened := false
	defer func() {
		if !opened { // an error or a panic
			err = errors.Join(err, s.Close())
		}
	}()

	// Where the kernel would drop LISTEN without a word it is not sent: nothing is in doubt.
	obstacle := sys.obstacle()
	if obstacle != nil && !errors.Is(obstacle, errUnknown) {
		return nil, &OpError{Op: "listen", Err: obstacle}
	}
	nonce := randomNumber() &^ 1 // its acknowledgement, one more, is not 0
	if err := s.join(cfg, nonce+1); err != nil {
		return nil, err
	}
	s.state = stateJoined

	s.opening.Err = s.createLease(cfg.StateDirectory)
	heard, err := s.listen(obstacle == nil, nonce)
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	s.begin(heard)
	// From Linux 6.6 on any user can cause acknowledgements, at will, and they would
	// wake the receiver and fill its queue: none passes when this session's own has come.
	if err := s.sock.setFilter(cfg.Filter.program(ownPID(), 0)); err != nil {
		return nil, &OpError{Op: "attach filter", Err: err}
	}
	s.opening.Err = errors.Join(s.opening.Err, at("open window", s.openWindow(cfg)))
	s.release(&s.opening)
	opened = true
	return s, nil
}

// join enters the group. The filter, which passes the acknowledgement ack, is in place
// before, or what arrives between the two slips through; and so is the buffer.
func (s *Session) join(cfg Config, ack uint32) (err error) {
	if err := s.sock.setFilter(cfg.Filter.program(ownPID(), ack)); err != nil {
		return &OpError{Op: "attach filter", Err: err}
	}
	if s.receiveBuffer, err = s.sock.setReceiveBuffer(cfg.ReceiveBuffer); err != nil {
		return &OpError{Op: "size buffer", Err: err}
	}
	// What cannot count its losses must not begin to listen.
	if _, err := s.sock.drops(); err != nil {
		return &OpError{Op: "read drop counter", Err: err}
	}
	s.port, err = s.sock.join()
	return at("join", err)
}

// begin finds out whether the kernel reports events, unless its acknowledgement shows it.
func (s *Session) begin(heard bool) {
	if heard {
		s.state, s.opening.Listening = stateListening, true
		return
	}
	err := s.verify(&s.opening)
	s.opening.Err = errors.Join(s.opening.Err, at("check", err))
}

// openWindow lets events queue up while Read waits, if an alarm tells when they are many.
func (s *Session) openWindow(cfg Config) error {
	if cfg.Window <= 0 {
		return nil
	}
	if err := s.sock.setAlarm(cfg.Filter.alarm(ownPID(), s.receiveBuffer)); err != nil {
		return err
	}
	s.SetWindow(cfg.Window)
	return nil
}

// ackSearch bounds how many datagrams are read to find an acknowledgement, which
// is in the queue when send returns: 2^21 are more than a queue of 1 GiB holds.
const ackSearch = 1 << 21

// acknowledgement looks for the answer with number ack in the queue, and returns nil
// when there is none. What stands before it happened before this session listened and is
// left out; what stands behind it stays for Read.
func (s *Session) acknowledgement(ack uint32) (*Event, error) {
	var e Event
	for range ackSearch {
		one, err := s.sock.receive(1)
		if err != nil || len(one) == 0 {
			return nil, err
		}
		if d := one[0]; d.sender == 0 && Decode(d.bytes, &e) == nil && e.What == eventNone && e.ack == ack {
			return &e, nil
		}
	}
	return nil, nil
}

// Ignore sends the IGNORE that the session owes, if it owes one, and leaves the group.
// It does not wait for Read, and interrupts a Check. For other sessions that are at work
// on the kernel's count it waits at most 500 ms, and 200 more if that is to be repaired.
// Events that are queued already can still be read. Only the first call does all that.
// The error, the same for all callers, means that the kernel's count stays one too high,
// until a later session finds the lease.
func (s *Session) Ignore() error {
	s.hurry.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.owing() {
		return s.ignoreErr
	}
	_, unlock := s.leases.lock(s.sys.patience, never)
	defer unlock()
	f := &s.closingFound
	gone, sure := false, true
	if s.mayRepair {
		// If others have silenced the connector, IGNORE would take the count further
		// down than an honest program may. Where it could not be repaired the count
		// does not hold this session's LISTEN, and there is nothing to take back.
		p, err := openProbe(s.sys)
		if err == nil {
			err = errors.Join(s.restore(p, f, never), p.sock.close())
		}
		f.Err = errors.Join(f.Err, err)
		gone, sure = !f.Listening && (f.Silenced || s.state == stateSilenced), err == nil
	}
	s.state = stateIgnored
	if !gone {
		s.ignoreErr = s.withdraw()
	}
	// Then the queue is finite, and Read can empty it.
	f.Err = errors.Join(f.Err, s.sock.leave())
	s.receiver.closing.Store(true)
	f.Err = errors.Join(f.Err, s.sock.wake())
	// What may still be in the count is for a later session to find out.
	f.Err = errors.Join(f.Err, s.endLease(s.ignoreErr != nil || gone && !sure))
	crash("lease removed")
	return s.ignoreErr
}

// Close calls Ignore, has Read return and closes the socket: what is queued then is
// lost. It may be called often, and returns when the session is closed.
func (s *Session) Close() error {
	err := s.Ignore()
	s.closeOnce.Do(func() {
		s.receiver.mu.Lock() // Read was woken by Ignore, and does not wait again
		defer s.receiver.mu.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		// A lease that is still there claims a LISTEN that the kernel did not take.
		s.closeErr = errors.Join(s.endLease(false), s.leases.close(), s.sock.close())
		s.state, s.receiver.closed = stateClosed, true
	})
	return errors.Join(err, at("close", s.closeErr))
}

// Opening is what Open found.
func (s *Session) Opening() CheckResult { return s.opening }

// Closing is what Ignore found, complete when that has returned.
func (s *Session) Closing() CheckResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closingFound
}

// Listening reports whether the kernel reported events when that was last checked.
func (s *Session) Listening() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateListening
}

// ReceiveBuffer is what the kernel granted of Config.ReceiveBuffer.
func (s *Session) ReceiveBuffer() int { return s.receiveBuffer }

// SetWindow replaces Config.Window from the next time on that Read waits.
func (s *Session) SetWindow(d time.Duration) { s.receiver.window.Store(int64(d)) }
