package cnproc

import "errors"

// This file finds out whether the kernel reports events. If not, count.go repairs that.

// A CheckResult is what a look at the kernel's count came to.
type CheckResult struct {
	Listening bool // the kernel reports events now
	Silenced  bool // it did not when it was looked at, for the first time since it last did
	Listens   int  // by which the count was raised since; if Listening, it was that many too low
	// Others is how many of those are for other members of the group, one for each. That
	// they had lost theirs is likely and not certain.
	Others   int
	Crowd    bool  // nothing was done for the others, because there are too many
	Released int   // LISTENs of dead sessions that were given back
	Mistaken int   // leases of dead sessions that were removed: the count does not hold what they claim
	Kept     int   // leases that were left alone: what they claim may as well be another member's
	Err      error // what did not work; the session is of use all the same
}

// Check finds out, with a canary, whether the kernel still reports events, and repairs its
// count if it does not and Config.Repair permits. Where all is well it takes well under a
// millisecond, and otherwise some 200, after up to 500 for other sessions: a count that is
// still too low then is repaired further by the next Check. Ignore interrupts it at once.
//
// The error is ErrClosed (errors.Is) when the session does not listen any more.
func (s *Session) Check() (f CheckResult, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.owing() {
		return f, &OpError{Op: "check", Err: ErrClosed}
	}
	err = at("check", s.verify(&f))
	return f, err
}

// verify enters stateListening or stateSilenced, unless it returns an error without knowing
// which. The caller holds mu, or is Open.
func (s *Session) verify(f *CheckResult) error {
	err := s.look(f)
	switch {
	case f.Listening:
		missed := f.Silenced || s.state == stateSilenced
		s.state = stateListening
		if missed && s.receiver.reading.Load() {
			s.receiver.gap.Store(true)
			err = errors.Join(err, s.sock.wake())
		}
	case f.Silenced || err == nil:
		s.state = stateSilenced
	}
	return err
}

// look finds out whether the kernel reports events, if need be after a repair.
func (s *Session) look(f *CheckResult) error {
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, at("check", p.sock.close())) }()
	if f.Listening, err = p.heard(); err != nil || f.Listening && s.state != stateSilenced {
		return err
	}
	if !f.Listening {
		s.silent(f)
	}
	_, unlock := s.leases.lock(s.sys.patience, s.hurry.Load)
	defer unlock()
	return s.restore(p, f, s.hurry.Load)
}

// restore looks again, since another session may have repaired the count just now, and
// repairs it if not. The caller holds the lock of the leases, if it can be had.
func (s *Session) restore(p *probe, f *CheckResult, interrupted func() bool) (err error) {
	if f.Listening, err = p.heard(); err != nil {
		return err
	}
	if !f.Listening {
		s.silent(f)
		if !s.mayRepair {
			return nil
		}
		if err := s.repair(p, f, interrupted); err != nil {
			return err
		}
	}
	if f.Listening && (f.Silenced || s.state == stateSilenced) {
		// What dead sessions had left in the count is used up.
		f.Err = errors.Join(f.Err, s.leases.orphans((*lease).remove))
	}
	return nil
}

// silent notes that the canary was not heard.
func (s *Session) silent(f *CheckResult) {
	if !f.Silenced && s.state != stateSilenced {
		f.Silenced = true
		s.depth = 0
		s.tally(func(st *Stats) { st.Deaf++ })
	}
}

// A probe is a member of the group that hears nothing but canaries, renamings of this
// process's own threads, which the kernel reports inside the system call that renames,
// and acknowledgements with numbers of its own. So it can say at any time whether the
// kernel reports anything to anybody. It has a queue of its own, because one that is
// full of other events would mislead it.
type probe struct {
	sys    system
	sock   socket
	number uint32 // the first of its probeNumbers, a multiple of that, and never 0
}

// probeNumbers is how many numbers a probe has for acknowledgements: a power of two.
const probeNumbers = 1 << 10

func openProbe(sys system) (*probe, error) {
	sock, err := sys.dialPassive()
	if err != nil {
		return nil, err
	}
	number := randomNumber()&^(probeNumbers-1) | probeNumbers
	if err = sock.setFilter(probeFilter(ownPID(), number)); err == nil {
		_, err = sock.join()
	}
	if err != nil {
		return nil, errors.Join(err, sock.close())
	}
	return &probe{sys: sys, sock: sock, number: number}, nil
}

// canaries is how many are sent when the kernel has no room or memory for them.
const canaries = 10

// heard sends a canary and reports whether it came back. If not, although nothing was
// dropped, the kernel's count of listeners is below one.
func (p *probe) heard() (bool, error) {
	for range canaries {
		// Earlier canaries of this process prove nothing.
		if err := p.drain(func(*Event) {}); err != nil {
			return false, err
		}
		before, err := p.sock.drops()
		if err != nil {
			return false, err
		}
		task, err := p.sys.rename()
		if err != nil {
			return false, err
		}
		found := false
		err = p.drain(func(e *Event) { found = found || e.What == EventComm && e.Task == task })
		if found || err != nil {
			return found, err
		}
		if after, err := p.sock.drops(); err != nil || after == before {
			return false, err
		}
	}
	return false, errDrowned
}

var errDrowned = errors.New("the kernel drops the canaries: it lacks memory, or threads of this program rename themselves all the time")

// acknowledged empties the queue and returns the number of the first acknowledgement in
// it, counted from p.number + 1, or -1 if there is none.
func (p *probe) acknowledged() (first int, err error) {
	first = -1
	err = p.drain(func(e *Event) {
		if e.What == eventNone && e.ackErrno == 0 && first < 0 {
			first = int(e.ack - p.number - 1)
		}
	})
	return first, err
}

// drain empties the queue and calls f with each event of the kernel's in it.
func (p *probe) drain(f func(e *Event)) error {
	for {
		batch, err := p.sock.receive(batchLen)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, d := range batch {
			var e Event
			if d.sender == 0 && Decode(d.bytes, &e) == nil {
				f(&e)
			}
		}
	}
}
