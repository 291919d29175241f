package cnproc

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// An Examination is what the connector of a machine was found to be like.
type Examination struct {
	// Others are the other sockets in the group. Whether they have sent LISTEN is not to
	// be seen, and so neither whether they have lost it.
	Others []Member
	Crowd  bool // there are more others than can be listed
	// HeardBefore says that the kernel reported events before this examination had sent a
	// LISTEN: its count was one or more. Without Others nobody will take that back.
	HeardBefore bool
	Heard       bool // it did after that LISTEN; if not, others have sent an unmatched IGNORE
	// Missing is how many further LISTENs it took until it did, or -1 if that was more
	// than could be sent in two seconds. The next so many programs will hear nothing.
	Missing       int
	ReceiveBuffer int // bytes of the queue that were granted
}

// Examine finds out how the connector of this machine is, and leaves the kernel's count as it
// was. Nothing is repaired and no lease is read, whatever cfg says. Errors are those of Open.
func Examine(cfg Config) (Examination, error) { return examineOn(hostSystem(cfg.Proc), cfg) }

func examineOn(sys system, cfg Config) (e Examination, err error) {
	obstacle := sys.obstacle()
	if errors.Is(obstacle, ErrNetworkNamespace) {
		// A kernel without a connector looks the same, but for this.
		sock, err := sys.dial()
		if err != nil {
			return e, &OpError{Op: "dial", Err: err}
		}
		obstacle = errors.Join(obstacle, sock.close())
	}
	if obstacle != nil && !errors.Is(obstacle, errUnknown) {
		return e, &OpError{Op: "listen", Err: obstacle}
	}
	// A session that repairs meanwhile would count on what is taken back here. In a
	// directory that is not fit none keeps leases.
	d, dirErr := existingLeaseDir(sys, cfg.StateDirectory)
	free := dirErr != nil
	if !free {
		locked, unlock := d.lock(sys.patience, never)
		defer func() {
			unlock()
			err = errors.Join(err, d.close())
		}()
		free = locked
	}
	p, err := openProbe(sys)
	if err != nil {
		return e, &OpError{Op: "join", Err: err}
	}
	defer func() { err = errors.Join(err, p.sock.close()) }()
	if e.HeardBefore, err = p.heard(); err != nil {
		return e, &OpError{Op: "check", Err: err}
	}

	cfg.Repair, cfg.StateDirectory, cfg.Filter = false, "", none
	s, err := openOn(sys, cfg)
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.opening.Err; err != nil {
		return e, err // it could not be found out
	}
	e.Heard, e.ReceiveBuffer = s.opening.Listening, s.receiveBuffer
	others, crowd, err := s.others()
	if err != nil {
		return e, &OpError{Op: "check", Err: err}
	}
	e.Others, e.Crowd = slices.AppendSeq(make([]Member, 0, len(others)), maps.Keys(others)), crowd
	if !e.Heard {
		if !free {
			return e, &OpError{Op: "check", Err: errBusy}
		}
		if e.Missing, err = missing(sys, p, budget(examinations*sys.budget, never)); err != nil {
			return e, &OpError{Op: "check", Err: err}
		}
	}
	return e, nil
}

var errBusy = errors.New("the connector is silenced, and another program that has locked the leases is at work on that: try again in a moment")

// examinations is for how many repairs' time Examine and Reconcile work on a count.
const examinations = 10

// Reconcile gives back what dead sessions have left in the kernel's count, as their leases
// in cfg.StateDirectory tell, and listens only as long as that takes. With cfg.Repair it
// also repairs a connector that others have silenced. Errors are those of Open and Close.
func Reconcile(cfg Config) (CheckResult, error) { return reconcileOn(hostSystem(cfg.Proc), cfg) }

func reconcileOn(sys system, cfg Config) (CheckResult, error) {
	cfg.Filter = none
	if _, err := os.Stat(cfg.StateDirectory); errors.Is(err, fs.ErrNotExist) {
		// There is nothing to give back, and a directory of this user's might shut out
		// the one that the listeners run as.
		cfg.StateDirectory = ""
	}
	s, err := openOn(sys, cfg)
	if err != nil {
		return CheckResult{}, err
	}
	f := s.Opening()
	for range examinations {
		if f.Listening || !cfg.Repair {
			break
		}
		again, err := s.Check()
		f.Listening = again.Listening
		f.Err = errors.Join(f.Err, err, again.Err)
	}
	err = s.Close()
	f.Listens = int(s.Stats().Repairs)
	f.Err = errors.Join(f.Err, s.Closing().Err)
	return f, err
}
