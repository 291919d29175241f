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
	if f.Listening, err = hears(s.sys); err != nil || f.Listening && s.state != stateDeaf {
		return err
	}
	if !f.Listening {
		s.silent(f)
	}
	_, unlock := s.leases.lock(s.sys.patience, s.hurry.Load)
	defer unlock()
	return s.restore(f)
}

// restore looks, and mends what is to be mended: another session may have done it
// just now. The caller holds the lock of the state directory, if it can be had.
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
		if !s.repair {
			return nil
		}
		if err := s.mend(p, f, 1); err != nil {
			return err
		}
	}
	if f.Listening && (f.Deaf || s.state == stateDeaf) {
		// What dead sessions had left in the count is used up, whoever has
		// mended it. Their leases must not claim it any longer, before anybody
		// else may give it back.
		f.Err = errors.Join(f.Err, s.leases.orphans((*lease).remove))
	}
	return nil
}

// silent notes that the canary was not heard.
func (s *Session) silent(f *Finding) {
	if !f.Deaf && s.state != stateDeaf {
		f.Deaf = true
		s.deaf.Add(1)
	}
}

// maxRaises bounds how many LISTENs are sent in one attempt to mend the count.
const maxRaises = 1024

// mend raises the count, one by one, until the canary is heard: then it is one.
// own of that, 1 or 0, are this session's. Whoever else is a member has most
// likely lost its own, and would be deaf again when this session ends, so the
// count becomes one for each.
//
// They are listed before and after. Who comes in between may have raised the count
// itself, in place of this session, and who goes in between has lowered it again.
func (s *Session) mend(p *probe, f *Finding, own int) (err error) {
	before, err := s.others()
	f.Err = errors.Join(f.Err, err)
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
	after, err := s.others()
	f.Err = errors.Join(f.Err, err)
	gone := slices.DeleteFunc(before, func(m Member) bool { return slices.Contains(after, m) })
	for range own + len(after) + len(gone) - 1 {
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
	locked, unlock := s.leases.lock(s.sys.patience, s.hurry.Load)
	defer unlock()
	if !locked {
		// Somebody may be making up for what the leases claim.
		if s.leases != nil {
			f.Err = errors.Join(f.Err, errNotLooked)
		}
		return
	}
	f.Err = errors.Join(f.Err, s.leases.orphans(func(l *lease) error { return s.giveBack(l, f) }))
}

var errNotLooked = errors.New("the folder of the leases is locked by another program, so what killed plugins have left is not given back this time")

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
// to make up for it. A session leaves the group before it sends its IGNORE, and so
// is not taken for one that was left.
func (s *Session) part(f *Finding) error {
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, p.close()) }()
	if heard, err := p.heard(); err != nil || heard {
		return err
	}
	if others, err := s.others(); err != nil || len(others) == 0 {
		return err
	}
	f.Listening = false
	return s.mend(p, f, 0)
}
