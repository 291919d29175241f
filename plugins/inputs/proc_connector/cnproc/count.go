package cnproc

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"time"
)

// This file is the only one that sends requests, and so the only one that changes
// the kernel's count of listeners. It does so in six places:
//
//	listen    +1  LISTEN, at most once in a session.
//	withdraw  -1  IGNORE, at most once in a session, and only after a LISTEN that was
//	              taken; not if the connector is silenced and could not be repaired.
//	repair    +n  While this session owes an IGNORE and the canary is not heard: until
//	              it is, and then one for each other member; -k for what the last step
//	              had too much. Nothing is done for others in any other case: a silenced
//	              connector is the only evidence of an unmatched IGNORE, since a member
//	              may never have sent LISTEN, or have taken it back.
//	giveBack  -1  For the lease of a dead session, while the count is above one for each
//	              member of the group.
//	surplus   -n  To find that out, and +n within the same system call.
//	missing   +n  To find out how far the count is below zero, and -n right after it.
//
// Whether to send is decided by Open and Ignore (session.go), restore (check.go) and examineOn
// (examine.go). Joining and leaving the group (socket.go) changes nothing here.
//
// What goes wrong between any two steps leaves the count right or too high, never
// lower than it was found.

// listen sends LISTEN and takes the session to stateCounted, or returns an error.
// unobstructed says that nothing is known to keep the kernel from taking requests of
// this process. heard says that the kernel has acknowledged it, and so reports events.
func (s *Session) listen(unobstructed bool, nonce uint32) (heard bool, err error) {
	if _, err := s.sock.send(newRequest(opListen, nonce)); err != nil {
		return false, err // nothing was taken, nothing is owed
	}
	s.state = stateAsked
	crash("LISTEN sent")

	ack, err := s.acknowledgement(nonce + 1)
	switch {
	case ack != nil && ack.ackErrno != 0:
		return false, refusal(ack.ackErrno)
	case ack == nil && !unobstructed:
		// In doubt. No IGNORE will be sent: a count that is too high is the lesser evil.
		return false, errors.Join(ErrUnanswered, err)
	}
	// Acknowledged; or not, because the count is below one or the queue had overrun, and
	// taken all the same, since nothing keeps the kernel from it.
	s.state = stateCounted
	s.tally(func(st *Stats) { st.Listens++ })
	crash("LISTEN taken")
	return ack != nil, err
}

// sendAttempts is how often a request is sent. The kernel has not seen one whose sending
// failed (for want of memory, say), so another try is safe.
const sendAttempts = 3

// withdraw takes the LISTEN back.
func (s *Session) withdraw() (err error) {
	for range sendAttempts {
		if _, err = s.sock.send(newRequest(opIgnore, 0)); err == nil {
			s.tally(func(st *Stats) { st.Ignores++ })
			crash("IGNORE sent")
			return nil
		}
	}
	return &OpError{Op: "ignore", Err: err}
}

// repair raises the count until the canary is heard: then it is one, this session's.
// Other members have most likely lost their own LISTENs, and would be silenced again
// when this session ends, so the count becomes one for each; not for a crowd, of which
// most are there to make this expensive.
//
// Members are listed before and after: one that comes in between may have raised the
// count itself, in place of this session, and one that goes has lowered it again. What
// takes longer than the budget, or is interrupted, is for the next repair.
func (s *Session) repair(p *probe, f *CheckResult, interrupted func() bool) error {
	if s.depth >= maxDepth {
		return errTooDeep
	}
	before, crowdBefore, err := s.others()
	f.Err = errors.Join(f.Err, err)
	raised, err := raiseUntilHeard(s.sys, p, budget(s.sys.budget, interrupted))
	s.raised(f, raised)
	if err != nil {
		return err
	}
	if f.Listening, err = p.heard(); err != nil || !f.Listening {
		return err
	}
	after, crowdAfter, err := s.others()
	f.Err = errors.Join(f.Err, err)
	if f.Crowd = crowdBefore || crowdAfter; f.Crowd {
		return nil
	}
	maps.Copy(after, before)
	f.Others = len(after)
	raised, err = change(s.sys, opListen, f.Others, interrupted)
	s.raised(f, raised)
	return err
}

func (s *Session) raised(f *CheckResult, n int) {
	s.depth += n
	f.Listens = s.depth
	s.tally(func(st *Stats) {
		st.Repairs += uint64(n)
		st.DeafDepth = uint64(s.depth)
	})
}

// maxDepth bounds by how much a session raises the count, an int of the kernel's.
const maxDepth = 1 << 28

var errTooDeep = fmt.Errorf("the kernel's listener count is more than %d too low, and is not raised further: reboot the machine", maxDepth)

// maxStep is how many LISTENs are sent before the next look. The kernel acknowledges
// those that are too many to every member of the group.
const maxStep = 64

// raiseUntilHeard raises the count until the kernel acknowledges a LISTEN, which it does
// from a count of one on, or until stop. It goes in doubling steps, and takes back at
// once what was too much, as the number of the first acknowledgement says. It returns by
// how much the count was raised in the end, also with an error.
func raiseUntilHeard(sys system, p *probe, stop func() bool) (raised int, err error) {
	sock, err := sys.dial()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sock.close()) }()
	for step := 1; ; step = min(2*step, maxStep) {
		sent, sendErr := sendPairs(sock, opListen, step, p.number)
		raised += sent
		crash("raised")
		first, err := p.acknowledged()
		if first >= 0 && err == nil {
			taken, lowerErr := sendPairs(sock, opIgnore, sent-1-first, 0)
			crash("lowered to one")
			return raised - taken, errors.Join(sendErr, lowerErr)
		}
		if err = errors.Join(sendErr, err); err != nil || stop() {
			return raised, err
		}
	}
}

// release gives back, one by one, the LISTENs that leases of dead sessions claim.
func (s *Session) release(f *CheckResult) {
	if !f.Listening {
		return // nothing would show whether it was right
	}
	locked, unlock := s.leases.lock(s.sys.patience, never)
	defer unlock()
	if !locked {
		// Another session may be making up for what the leases claim.
		if s.leases != nil {
			f.Err = errors.Join(f.Err, errNotLooked)
		}
		return
	}
	deadline := time.Now().Add(s.sys.grace)
	f.Err = errors.Join(f.Err, s.leases.orphans(func(l *lease) error { return s.giveBack(l, f, deadline) }))
}

var errNotLooked = errors.New("the leases are locked by another program, so what killed sessions have left is not released this time")

// giveBack gives back what a lease claims, unless the LISTEN may be that of another
// listener: the session may have been killed before LISTEN or after IGNORE, an unmatched
// IGNORE may have used it up, or the lease may be forged. Then it stays, for a time when
// there is no other member.
func (s *Session) giveBack(l *lease, f *CheckResult, deadline time.Time) error {
	spare, alone, err := s.spare(deadline)
	switch {
	case err == nil && !spare && alone: // the count holds nothing but this session's LISTEN
		if err = l.remove(); err == nil {
			f.Mistaken++
		}
		return err
	case err != nil || !spare:
		f.Kept++
		return errors.Join(err, l.file.Close())
	}
	lowered, err := change(s.sys, opIgnore, 1, never)
	if lowered == 0 {
		return errors.Join(err, l.file.Close()) // for another time
	}
	crash("lowered")
	f.Released++
	s.tally(func(st *Stats) { st.Released++ })
	err = errors.Join(err, l.remove())
	crash("orphan removed")
	return err
}

const gracePoll = 10 * time.Millisecond

// spare reports whether the count is above one for this session and for each other member of
// the group, and whether there are no others. Members join before they send LISTEN, so that a
// new one is seen before it counts. Until the deadline it looks again when they have changed.
func (s *Session) spare(deadline time.Time) (spare, alone bool, err error) {
	var looked map[Member]bool
	for ; ; time.Sleep(gracePoll) {
		before, crowd, err := s.others()
		if err != nil || crowd || len(before) > maxSurplus {
			return false, false, err
		}
		if looked == nil || !maps.Equal(before, looked) {
			if spare, err = surplus(s.sys, len(before)+1); err != nil {
				return false, false, err
			}
			after, crowd, err := s.others()
			if err != nil || crowd {
				return false, false, err
			}
			if looked = before; !maps.Equal(before, after) {
				looked = nil
			} else if spare || len(before) == 0 {
				return spare, len(before) == 0, nil
			}
		}
		if time.Now().After(deadline) {
			return false, false, nil
		}
	}
}

// maxSurplus is the largest number of other members for which surplus is one system
// call: sendmmsg(2) takes 1,024 messages (UIO_MAXIOV in include/uapi/linux/uio.h).
const maxSurplus = 1024/4 - 1

// surplus reports whether the count is above n. It lowers the count by n for as long as one
// system call takes, which not even SIGKILL interrupts, and looks whether the last IGNORE was
// acknowledged: that is only so from a count of one on. If so nobody was silenced for a moment.
func surplus(sys system, n int) (_ bool, err error) {
	p, err := openProbe(sys)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, p.sock.close()) }()
	sock, err := sys.dial()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, sock.close()) }()

	requests := make([][]byte, 0, 4*n)
	for range n - 1 {
		requests = appendPair(requests, opIgnore, 0)
	}
	requests = appendPair(requests, opIgnore, p.number) // which nobody has seen, and so nobody can forge
	for range n {
		requests = appendPair(requests, opListen, 0)
	}
	sent, sendErr := sock.send(requests...)
	if sendErr != nil {
		// The count must be what it was, whatever the answer is.
		_, err := changeOn(sock, opListen, min(sent/2, 2*n-sent/2), never)
		return false, errors.Join(sendErr, err)
	}
	first, err := p.acknowledged()
	return first >= 0, err
}

// missing counts how many LISTENs it takes until the canary is heard, and takes them
// back. It is -1 if that is more than can be counted until stop.
func missing(sys system, p *probe, stop func() bool) (n int, err error) {
	n, err = raiseUntilHeard(sys, p, stop)
	raised := n
	if err == nil {
		var heard bool
		if heard, err = p.heard(); !heard {
			n = -1
		}
	}
	_, lowerErr := change(sys, opIgnore, raised, never)
	return n, errors.Join(err, lowerErr)
}

// change changes the count by n, up with LISTEN or down with IGNORE, and returns by how
// much it did: less after an error, or when stop said so.
func change(sys system, op uint32, n int, stop func() bool) (changed int, err error) {
	if n == 0 {
		return 0, nil
	}
	sock, err := sys.dial()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sock.close()) }()
	return changeOn(sock, op, n, stop)
}

func changeOn(sock socket, op uint32, n int, stop func() bool) (changed int, err error) {
	for changed < n && err == nil && !stop() {
		var sent int
		sent, err = sendPairs(sock, op, min(n-changed, maxStep), 0)
		changed += sent
		crash("changed")
	}
	return changed, err
}

// appendPair appends what changes the count from a socket that is in no group: operation
// 0, which does nothing, and then LISTEN or IGNORE. From Linux 6.6 on these count only if
// the socket's previous operation was another one; before that each counts anyway.
func appendPair(requests [][]byte, op, ack uint32) [][]byte {
	return append(requests, newRequest(opNone, 0), newRequest(op, ack))
}

// sendPairs sends n pairs, at most maxStep, and returns how many the kernel took. If
// number is not 0 the i-th, counted from 0, is acknowledged with number + i + 1.
func sendPairs(sock socket, op uint32, n int, number uint32) (sent int, err error) {
	requests := make([][]byte, 0, 2*n)
	for i := range n {
		ack := number
		if number != 0 {
			ack += uint32(i)
		}
		requests = appendPair(requests, op, ack)
	}
	for attempt := 1; sent < n; attempt++ {
		took, err := sock.send(requests[2*sent:]...)
		sent += took / 2
		if err != nil && attempt >= sendAttempts {
			return sent, err
		}
	}
	return sent, nil
}

func never() bool { return false }

// budget returns a function that says to stop after the time limit, or when stop does.
func budget(limit time.Duration, stop func() bool) func() bool {
	deadline := time.Now().Add(limit)
	return func() bool { return stop() || time.Now().After(deadline) }
}

// randomNumber returns what nobody can guess.
func randomNumber() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.NativeEndian.Uint32(b[:])
}

// others are the other members that may have sent LISTEN; in a crowd only some.
func (s *Session) others() (others map[Member]bool, crowd bool, err error) {
	others = make(map[Member]bool)
	members, crowd, err := s.sys.members()
	for m := range members {
		if m.Port != s.port && !m.passive() {
			others[m] = true
		}
	}
	return others, crowd, err
}
