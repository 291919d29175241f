package cnproc

import "errors"

// This file finds out whether the kernel reports events, and has the count repaired
// (count.go) if it does not.

// A Finding is what a look at the kernel's count came to.
type Finding struct {
	Listening bool // the kernel reports events now
	Deaf      bool // it reported nothing when it was looked at, for the first time since it last did
	// Raised is by how many LISTENs this session has raised the count since it
	// reported nothing. If Listening, it was that many too low.
	Raised int
	// Others is how many of those are for other members of the group, one for each.
	// That they had lost theirs is likely and not certain.
	Others   int
	Crowd    bool // nothing was done for the others, because there are too many
	Released int  // LISTENs of dead sessions that were given back
	Mistaken int  // leases of dead sessions that were removed: the count does not hold what they claim
	Kept     int  // leases that were left alone: what they claim may as well be another member's
	// Err is what did not work. The session is of use all the same.
	Err error
}

// Check finds out, with a canary, whether the kernel still reports events, and repairs
// its count if it does not and Config.Repair permits. Where all is well it takes well
// under a millisecond, and otherwise some 200: a count that is still too low then is
// repaired further by the next Check. Ignore interrupts it at once.
//
// The error is ErrClosed (errors.Is) when the session does not listen any more.
func (s *Session) Check() (f Finding, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.owing() {
		return f, &OpError{Op: "check", Err: ErrClosed}
	}
	err = at("check", s.verify(&f))
	return f, err
}

// verify enters stateListening or stateDeaf, unless it returns an error without
// knowing which. The caller holds mu, or is Open.
func (s *Session) verify(f *Finding) error {
	err := s.look(f)
	switch {
	case f.Listening:
		missed := f.Deaf || s.state == stateDeaf
		s.state = stateListening
		if missed && s.receiver.reading.Load() {
			s.receiver.gap.Store(true)
			err = errors.Join(err, s.sock.wake())
		}
	case f.Deaf || err == nil:
		s.state = stateDeaf
	}
	return err
}

// look finds out whether the kernel reports events, if need be after a repair.
func (s *Session) look(f *Finding) error {
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, at("check", p.close())) }()
	if f.Listening, err = p.heard(); err != nil || f.Listening && s.state != stateDeaf {
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
func (s *Session) restore(p *probe, f *Finding, interrupted func() bool) (err error) {
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
	if f.Listening && (f.Deaf || s.state == stateDeaf) {
		// What dead sessions had left in the count is used up.
		f.Err = errors.Join(f.Err, s.leases.orphans((*lease).remove))
	}
	return nil
}

// silent notes that the canary was not heard.
func (s *Session) silent(f *Finding) {
	if !f.Deaf && s.state != stateDeaf {
		f.Deaf = true
		s.depth = 0
		s.tally(func(st *Stats) { st.Deaf++ })
	}
}
