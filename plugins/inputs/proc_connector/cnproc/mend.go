package cnproc

import (
	"errors"
	"slices"
)

// This file looks after the kernel's count where others have damaged it, or
// dead sessions have left something in it. See session.go for when.

// A Finding is what a look at the kernel's count came to.
type Finding struct {
	// Listening says that the kernel reports events now.
	Listening bool
	// Deaf says that it reported nothing when it was looked at, for the first
	// time since it last did.
	Deaf bool
	// Raised is how many LISTENs were sent to mend that. If Listening, the
	// kernel's count was that many too low.
	Raised int
	// Released is how many LISTENs of dead sessions were given back.
	Released int
	// Mistaken is how many were given back and, as that silenced the machine,
	// taken again: others had sent an IGNORE too many before.
	Mistaken int
	// Err is what did not work. The session is of use all the same.
	Err error
}

// look finds out whether the kernel reports events, if need be after mending.
func (s *Session) look(f *Finding) (err error) {
	if f.Listening, err = hears(s.sys); err != nil {
		return err
	}
	if !f.Listening {
		s.silent(f)
	}
	if !f.Listening && s.repair {
		unlock := s.leases.lock(mendLockWait, s.hurry.Load)
		defer unlock()
		return s.restore(f)
	}
	s.used(f)
	return nil
}

// restore mends the count unless the canary is heard: another session may have
// mended it just now. The caller holds the lock of the state directory.
func (s *Session) restore(f *Finding) error {
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, p.close()) }()
	if f.Listening, err = p.heard(); err != nil {
		return err
	}
	if !f.Listening {
		s.silent(f)
		if err := s.mend(p, f); err != nil {
			return err
		}
	}
	s.used(f)
	return nil
}

// silent notes that the canary was not heard.
func (s *Session) silent(f *Finding) {
	if !f.Deaf && s.state != stateDeaf {
		f.Deaf = true
		s.deaf.Add(1)
	}
}

// used removes the leases of dead sessions if the connector was silent and is so
// no longer: what they claim is used up, whoever has mended the count.
func (s *Session) used(f *Finding) {
	if f.Listening && (f.Deaf || s.state == stateDeaf) {
		f.Err = errors.Join(f.Err, s.leases.orphans((*lease).remove))
	}
}

// maxRaises bounds how many LISTENs are sent in one attempt to mend the count.
const maxRaises = 1024

// mend raises the count, one by one, until the canary is heard: then it is one.
// That one is this session's. Whoever else is a member has most likely lost its
// own, and would be deaf again when this session ends, so as many are added.
func (s *Session) mend(p *probe, f *Finding) (err error) {
	for !f.Listening && f.Raised < maxRaises {
		if err := s.raise(f); err != nil {
			return err
		}
		if f.Listening, err = p.heard(); err != nil {
			return err
		}
	}
	if !f.Listening {
		return nil
	}
	others, err := s.others()
	f.Err = errors.Join(f.Err, err)
	for range others {
		if err := s.raise(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) raise(f *Finding) error {
	if err := raise(s.sys); err != nil {
		return err
	}
	f.Raised++
	s.repairs.Add(1)
	crash("raised")
	return nil
}

// others lists the members of the group besides this session.
func (s *Session) others() ([]Member, error) {
	members, err := s.sys.members()
	return slices.DeleteFunc(members, func(m Member) bool { return m.Port == s.port || m.Passive() }), err
}

// release gives back, one by one, the LISTENs of dead sessions: their leases tell
// of them. This session's own LISTEN holds the count above them, so that a lease
// that was wrong, because others have sent an IGNORE too many in the meantime, is
// noticed: the machine is silent. Then what was given back is taken again.
func (s *Session) release(f *Finding) {
	if !f.Listening {
		return // nothing would show whether it was right
	}
	unlock := s.leases.lock(mendLockWait, s.hurry.Load)
	defer unlock()
	f.Err = errors.Join(f.Err, s.leases.orphans(func(l *lease) error { return s.giveBack(l, f) }))
}

func (s *Session) giveBack(l *lease, f *Finding) error {
	// What may be needed afterwards is there before anything is given back.
	p, err := openProbe(s.sys)
	if err != nil {
		return errors.Join(err, l.file.Close())
	}
	defer func() { f.Err = errors.Join(f.Err, p.close()) }()
	undo, err := s.sys.dial()
	if err != nil {
		return errors.Join(err, l.file.Close())
	}
	defer func() { f.Err = errors.Join(f.Err, undo.close()) }()

	if err := l.remove(); err != nil {
		return err
	}
	crash("orphan removed")
	if err := lower(s.sys); err != nil {
		return err
	}
	crash("lowered")
	heard, err := p.heard()
	if err == nil && heard {
		f.Released++
		s.released.Add(1)
		return nil
	}
	f.Mistaken++
	if undoErr := request(undo, opListen); err != nil || undoErr != nil {
		return errors.Join(err, undoErr)
	}
	crash("taken again")
	return nil
}

// part makes sure that the IGNORE of this session has left nobody deaf. It does
// where others have sent an IGNORE too many while this session's LISTEN was left
// to make up for it: so the other members get one each. A session leaves the
// group before it sends its IGNORE, and so is not taken for one of them.
func (s *Session) part(f *Finding) error {
	heard, err := hears(s.sys)
	if err != nil || heard {
		return err
	}
	others, err := s.others()
	for range others {
		if err := s.raise(f); err != nil {
			return err
		}
	}
	return err
}
