package cnproc

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
)

// This file keeps the balance. A session goes through these states, and the
// only two places that talk about the count are the two requests:
//
//	           dial           filter, buffer,          LISTEN            acknowledged, or
//	                          no ENOBUFS, join          sent             taken for certain
//	stateNew ────────▶ stateDialed ─────────▶ stateJoined ─────▶ stateAsked ─────▶ stateListening
//	   │                    │                      │                 │                   │
//	   │ fails              │ fails                │ not sent        │ refused,          │ Ignore, Close, or
//	   │                    │                      │                 │ or in doubt       │ Open fails: IGNORE
//	   ▼                    ▼                      ▼                 ▼                   ▼
//	stateClosed ◀───────────┴──────────────────────┴─────────────────┴──────────── stateIgnored
//
// Only stateListening owes an IGNORE. It is left under the mutex, before IGNORE
// is sent, so that there is never a second one: not from another goroutine, not
// after an error, not after a panic. Everything that goes wrong from there on
// leaves the count one too high.
//
// What belongs here and is not here yet: checking the count later on by a
// canary, mending it with further LISTENs, and the lease that lets a successor
// give back what a killed process owed. They hook in where stateListening is
// entered and left, in listen and Ignore.
type state int

const (
	stateNew       state = iota // no socket
	stateDialed                 // a socket that is in no group
	stateJoined                 // a member: events arrive if another program listens
	stateAsked                  // LISTEN was sent, the kernel's answer is not known yet
	stateListening              // the kernel counts this session; one IGNORE is owed
	stateIgnored                // nothing is owed any more; Receive may still be draining
	stateClosed                 // no socket
)

// DefaultReceiveBuffer is the receive buffer that a Config asks for when it
// does not say, in bytes. It holds about 87,000 events.
const DefaultReceiveBuffer = 32 << 20

// A Config says how to listen. The zero value listens to everything with a
// buffer of DefaultReceiveBuffer.
type Config struct {
	// ReceiveBuffer is the size of the socket's queue in bytes, as one would
	// ask for with SO_RCVBUF. With CAP_NET_ADMIN it is granted; without,
	// net.core.rmem_max limits it. Session.ReceiveBuffer tells what was got.
	ReceiveBuffer int
	// Filter keeps events away that are not wanted.
	Filter Filter
	// Proc is where proc is mounted, "/proc" when empty. It is only read to
	// find out why the connector does not answer.
	Proc string
}

// A Session is one listener of the process connector. Its methods may be called
// from any goroutine.
type Session struct {
	sock          socket
	clock         clock
	receiveBuffer int

	mu        sync.Mutex // guards what follows; never held while waiting for anything
	state     state
	ignoreErr error // what sending IGNORE came to
	receiving bool

	received  chan struct{} // closed when Receive has ended
	closeOnce sync.Once
	closeErr  error

	counts
}

// counts are written by whoever does what they count and read by Stats.
type counts struct {
	listens, ignores   atomic.Uint64
	events, lost       atomic.Uint64
	spoofed, malformed atomic.Uint64
	lag                atomic.Int64 // nanoseconds
}

// Stats is what a session has done so far.
type Stats struct {
	Listens   uint64 // LISTENs that the kernel took
	Ignores   uint64 // IGNOREs that the kernel took
	Events    uint64 // events received, acknowledgements not among them
	Lost      uint64 // events that the kernel dropped because the queue was full: exact
	Spoofed   uint64 // datagrams that did not come from the kernel, ignored
	Malformed uint64 // datagrams from the kernel that Decode refused, ignored
}

// A socket is the seam between the state machine and the kernel. The only
// implementation besides the tests' is in socket_linux.go.
type socket interface {
	setFilter(filter []bpf.RawInstruction) error
	// setReceiveBuffer asks for a size in bytes and returns the size got.
	setReceiveBuffer(bytes int) (int, error)
	setNoENOBUFS() error
	join() error
	// send hands one request to the kernel, which has dealt with it when send
	// returns nil, and has not seen it when send returns an error.
	send(request []byte) error
	// receive returns what is queued, at most limit datagrams and a batch, and
	// nothing when nothing is. It never waits. The datagrams are valid until
	// the next call.
	receive(limit int) ([]datagram, error)
	// wait returns when something is queued, when stop was called, or after the
	// limit, unless that is 0.
	wait(limit time.Duration) (stopped bool, err error)
	// stop leaves the group and ends wait.
	stop() error
	// drops is how many events the kernel could not queue since the start,
	// modulo 2^32.
	drops() (uint32, error)
	close() error
}

// A datagram is what one message of the queue came to.
type datagram struct {
	bytes  []byte
	sender uint32 // port id; 0 is the kernel
}

// system is what Open needs of the machine.
type system struct {
	dial func() (socket, error)
	// obstacle says why the kernel would not answer, if it is plain to see:
	// nil if nothing is, errUnknown if that cannot be found out.
	obstacle func() error
}

// errUnknown is wrapped by an obstacle that could not be looked for.
var errUnknown = errors.New("cannot be told")

// Open starts to listen: when it returns without error, the kernel has counted
// this session and reports events to it. Whatever it fails at, the kernel's
// count is what it was before.
//
// Errors are *OpError. Use errors.Is to tell the reason: ErrNoConnector,
// ErrNoProcEvents, ErrNetworkNamespace, ErrPIDNamespace, ErrUserNamespace,
// ErrPermission, ErrSilenced, ErrUnanswered, ErrAckLost, ErrRefused or
// ErrNotLinux. Their texts tell an operator what to do.
func Open(cfg Config) (*Session, error) {
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	return openOn(hostSystem(cfg.Proc), cfg)
}

func openOn(sys system, cfg Config) (_ *Session, err error) {
	if cfg.ReceiveBuffer == 0 {
		cfg.ReceiveBuffer = DefaultReceiveBuffer
	}
	filter, err := cfg.Filter.assemble()
	if err != nil {
		return nil, &OpError{Op: "attach filter", Err: err}
	}

	s := &Session{received: make(chan struct{}), clock: newClock(hostClock())}
	if s.sock, err = sys.dial(); err != nil {
		return nil, &OpError{Op: "dial", Err: err}
	}
	s.state = stateDialed
	opened := false
	defer func() {
		if !opened {
			// An error or a panic. Close sends the IGNORE if one is owed; what
			// else it comes to matters less than why Open failed.
			err = errors.Join(err, s.Close())
		}
	}()

	// Known obstacles come before LISTEN, so that where the kernel would drop
	// it without a word nothing has been asked for and nothing is in doubt.
	obstacle := sys.obstacle()
	if obstacle != nil && !errors.Is(obstacle, errUnknown) {
		return nil, &OpError{Op: "listen", Err: obstacle}
	}

	// The filter is in place before the socket joins, or what arrives between
	// the two slips through. So is the buffer, which decides from the first
	// event on what is lost.
	if err := s.sock.setFilter(filter); err != nil {
		return nil, &OpError{Op: "attach filter", Err: err}
	}
	if s.receiveBuffer, err = s.sock.setReceiveBuffer(cfg.ReceiveBuffer); err != nil {
		return nil, &OpError{Op: "size buffer", Err: err}
	}
	// With ENOBUFS an overrun stops the queue until it has been emptied, and
	// says less about the loss than the drop counter does.
	if err := s.sock.setNoENOBUFS(); err != nil {
		return nil, &OpError{Op: "set NETLINK_NO_ENOBUFS", Err: err}
	}
	// What cannot count its losses must not begin to listen.
	if _, err := s.sock.drops(); err != nil {
		return nil, &OpError{Op: "read drop counter", Err: err}
	}
	if err := s.sock.join(); err != nil {
		return nil, &OpError{Op: "join", Err: err}
	}
	s.state = stateJoined

	if err := s.listen(obstacle == nil); err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	opened = true
	return s, nil
}

// listen sends LISTEN and takes the session to stateListening, unless it
// returns an error. unobstructed says that nothing is known to keep the kernel
// from taking requests of this process.
func (s *Session) listen(unobstructed bool) error {
	var nonce [4]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("choosing a number for the request: %w", err)
	}
	number := binary.NativeEndian.Uint32(nonce[:])

	if err := s.sock.send(appendRequest(nil, opListen, number)); err != nil {
		return err // nothing was taken, nothing is owed
	}
	s.state = stateAsked

	ack, err := s.acknowledgement(number + 1)
	switch {
	case ack != nil && ack.AckErrno != 0:
		return refusal(ack.AckErrno)
	case ack != nil:
		s.counted()
		return nil
	}

	// There is no answer. Where nothing keeps the kernel from taking requests
	// of this process it has taken this one, and Close restores the number that
	// was found. Otherwise that is in doubt, no IGNORE will be sent, and a count
	// that is too high is the lesser evil.
	if unobstructed {
		s.counted()
	}
	if err != nil {
		return err
	}
	return s.unacknowledged(unobstructed)
}

// counted notes that the kernel took LISTEN.
func (s *Session) counted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = stateListening
	s.listens.Add(1)
}

// unacknowledged says why LISTEN was not answered. The kernel answers within
// the system call and to every member alike, so the answer never comes late.
func (s *Session) unacknowledged(unobstructed bool) error {
	drops, err := s.sock.drops()
	switch {
	case err != nil:
		return err
	case drops > 0:
		return ErrAckLost
	case unobstructed:
		return ErrSilenced
	default:
		return ErrUnanswered
	}
}

// ackSearch bounds how many datagrams are read to find an acknowledgement, which
// is in the queue when send returns: 2^21 are more than a queue of 1 GiB holds.
const ackSearch = 1 << 21

// acknowledgement looks for the answer with number ack in what is queued. It
// returns nil when there is none. What stands before it in the queue happened
// before this session listened and is left out; what stands behind it is the
// session's, and stays for Receive.
func (s *Session) acknowledgement(ack uint32) (*Event, error) {
	var e Event
	for range ackSearch {
		one, err := s.sock.receive(1)
		if err != nil {
			return nil, err
		}
		if len(one) == 0 {
			return nil, nil
		}
		if d := one[0]; d.sender == 0 && Decode(d.bytes, &e) == nil && e.What == WhatNone && e.Ack == ack {
			return &e, nil
		}
	}
	return nil, nil
}

// ignoreAttempts is how often IGNORE is tried. The kernel has not seen a request
// whose sending failed (for want of memory, say), so another try is safe.
const ignoreAttempts = 3

// Ignore sends the IGNORE that the session owes, if it owes one, and returns at
// once. Events that are queued already can still be received. Whoever comes
// first sends it; for all others it does nothing. The error, the same for all
// callers, means that the kernel's count stays one too high.
func (s *Session) Ignore() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateListening {
		return s.ignoreErr
	}
	s.state = stateIgnored

	var err error
	for range ignoreAttempts {
		if err = s.sock.send(appendRequest(nil, opIgnore, 0)); err == nil {
			s.ignores.Add(1)
			return nil
		}
	}
	s.ignoreErr = &OpError{Op: "ignore", Err: fmt.Errorf("%w (the kernel's listener count stays one too high, which costs time but blinds nobody)", err)}
	return s.ignoreErr
}

// Close sends the IGNORE that is owed, before all else, then ends Receive and
// closes the socket. It may be called often and from several goroutines, and
// returns to each of them when the session is closed. A Handler must not call
// it, since it waits for the Handler.
func (s *Session) Close() error {
	err := s.Ignore()

	// From here on the session is not listening, so Receive cannot begin.
	s.mu.Lock()
	receiving := s.receiving
	s.mu.Unlock()

	s.closeOnce.Do(func() {
		if receiving {
			// Once out of the group the queue is finite, and Receive can empty
			// it instead of throwing events away that were already counted.
			s.closeErr = s.sock.stop()
			<-s.received
		}
		s.closeErr = errors.Join(s.closeErr, s.sock.close())

		s.mu.Lock()
		defer s.mu.Unlock()
		s.state = stateClosed
	})
	if s.closeErr != nil {
		return errors.Join(err, &OpError{Op: "close", Err: s.closeErr})
	}
	return err
}

// Listening reports whether the kernel counts this session.
func (s *Session) Listening() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateListening
}

// ReceiveBuffer is the size of the socket's queue that the kernel granted, in
// bytes, comparable to Config.ReceiveBuffer.
func (s *Session) ReceiveBuffer() int { return s.receiveBuffer }

// Stats returns the session's counts.
func (s *Session) Stats() Stats {
	return Stats{
		Listens:   s.listens.Load(),
		Ignores:   s.ignores.Load(),
		Events:    s.events.Load(),
		Lost:      s.lost.Load(),
		Spoofed:   s.spoofed.Load(),
		Malformed: s.malformed.Load(),
	}
}
