package cnproc

import (
	"errors"
	"slices"
	"time"
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
	if !f.Listening && s.state != stateDeaf {
		f.Deaf = true
		s.deaf.Add(1)
	}
	if !f.Listening && !s.repair {
		return nil
	}
	// Another session may be mending already, or may have done it.
	_, unlock := s.leases.lock(s.hurry.Load)
	defer unlock()
	if !f.Listening {
		err = s.repeat(f)
	}
	if err == nil && f.Listening {
		// What dead sessions had left in the count is used up, whoever has
		// mended it. Their leases must not claim it any longer, before anybody
		// else may give it back.
		f.Err = errors.Join(f.Err, s.leases.orphans((*lease).remove))
	}
	return err
}

// repeat looks again, and mends what is still to be mended.
func (s *Session) repeat(f *Finding) (err error) {
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, p.close()) }()
	if f.Listening, err = p.heard(); err != nil || f.Listening {
		return err
	}
	return s.mend(p, f, 1)
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
	locked, unlock := s.leases.lock(s.hurry.Load)
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
	return errors.Join(err, request(undo, opListen))
}

// partPause is how long another program that is leaving too may take from its
// IGNORE to closing its socket.
const partPause = 100 * time.Millisecond

// part makes sure that the IGNORE of this session has left nobody deaf. It does
// where others have sent an IGNORE too many while this session's LISTEN was left
// to make up for it: so the members that are still there get one each.
func (s *Session) part(f *Finding) error {
	hit, err := s.deafened()
	if err != nil || len(hit) == 0 {
		return err
	}
	time.Sleep(partPause)
	_, unlock := s.leases.lock(func() bool { return false })
	defer unlock()
	still, err := s.deafened()
	if err != nil || !slices.ContainsFunc(still, func(m Member) bool { return slices.Contains(hit, m) }) {
		return err
	}
	p, err := openProbe(s.sys)
	if err != nil {
		return err
	}
	defer func() { f.Err = errors.Join(f.Err, p.close()) }()
	f.Listening = false
	return s.mend(p, f, 0)
}

// deafened lists the other members if the machine is deaf.
func (s *Session) deafened() ([]Member, error) {
	if heard, err := hears(s.sys); err != nil || heard {
		return nil, err
	}
	return s.others()
}
