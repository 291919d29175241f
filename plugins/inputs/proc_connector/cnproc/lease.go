package cnproc

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A lease is a file that says that the kernel's count may hold one LISTEN of its owner's.
// The owner keeps it locked (flock(2)), and the kernel takes the lock away however the
// owner ends. So a lease that nobody locks may be a LISTEN that nobody will take back, and
// the next session can do it: lock the lease, give back one, remove it.
//
// The lease stands from before LISTEN is sent until after IGNORE was, so that a session
// which is killed leaves no unknown LISTEN. It may therefore claim one that was never
// sent, or was taken back: that harms nobody, because nothing is given back of what
// the members of the group have sent, if each has sent one LISTEN (see giveBack).
//
// A file that is not whole claims nothing, nor does one of an earlier boot: the kernel's
// count began at zero then. Nor does a copy, which has another inode: the original is
// locked, or has been given back.
type lease struct {
	dir  *leaseDir
	name string
	file *os.File // locked
}

const (
	leasePrefix = "lease-"
	leaseMagic  = "telegraf-proc-connector lease"
	leaseForm   = leaseMagic + "\nboot %s\npid %d\ninode %d\nend\n"
)

// createLease claims the LISTEN that is about to be sent.
func (s *Session) createLease(dir string) (err error) {
	if dir == "" {
		return nil
	}
	s.leases, err = openLeaseDir(s.sys, dir)
	if err == nil {
		s.lease, err = s.leases.create()
	}
	if err != nil {
		return &LeaseError{Dir: dir, Err: err}
	}
	return nil
}

// endLease takes the claim back, or lets it stand for a later session to find.
func (s *Session) endLease(stand bool) error {
	if s.lease == nil {
		return nil
	}
	l := s.lease
	s.lease = nil
	end := l.remove
	if stand {
		end = l.file.Close
	}
	if err := end(); err != nil {
		return fmt.Errorf("lease %q: %w", l.name, err)
	}
	return nil
}

// createAttempts is how often a lease is created: a session that looks for leases just
// then may take the empty file away before it is locked.
const createAttempts = 3

func (d *leaseDir) create() (*lease, error) {
	for range createAttempts {
		name := leasePrefix + rand.Text()
		file, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, leaseMode)
		if err != nil {
			return nil, err
		}
		crash("lease created")
		l := &lease{dir: d, name: name, file: file}
		mine, err := l.lock()
		if mine {
			if err = l.write(); err == nil {
				crash("lease written")
				return l, nil
			}
		}
		if err := errors.Join(err, l.remove()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("leases are removed as soon as they are created")
}

// lock reports whether the lease is this session's now: locked, and still there.
func (l *lease) lock() (bool, error) {
	if locked, err := l.dir.sys.flock(l.file); err != nil || !locked {
		return false, err
	}
	// Whoever held the lock before may have removed the file.
	info, err := l.file.Stat()
	return err == nil && stat(info).Nlink > 0, err
}

// write makes the lease claim one LISTEN.
func (l *lease) write() error {
	info, err := l.file.Stat()
	if err == nil {
		_, err = l.file.WriteAt(fmt.Appendf(nil, leaseForm, l.dir.boot, os.Getpid(), stat(info).Ino), 0)
	}
	return err
}

// remove takes the claim back, and gives up the lock. If it returns an error the claim
// may stand, for a later session to find.
//
// The file is emptied first, because that reaches it wherever it is: under a name that
// somebody gave it meanwhile (rename, link) it would go on claiming. An empty file that
// stays behind claims nothing.
func (l *lease) remove() error {
	err := l.file.Truncate(0)
	_ = l.dir.root.Remove(l.name) //nolint:errcheck // see above
	_ = l.file.Close()            // the lock goes with the descriptor
	return err
}

// orphans calls f with each lease of this boot whose owner has died, locked. f removes or
// closes it. Leases that claim nothing are removed on the way.
func (d *leaseDir) orphans(f func(l *lease) error) error {
	if d == nil {
		return nil
	}
	return d.each(os.O_RDWR, func(l *lease, held bool) error {
		switch info, ours := l.read(); {
		case held || !ours:
			return l.file.Close()
		case info.Boot != d.boot:
			return l.remove()
		default:
			return f(l)
		}
	})
}

// each calls f with each lease, locked unless its owner holds it. f removes or closes it.
// One that makes trouble does not keep the others from being found.
func (d *leaseDir) each(flag int, f func(l *lease, held bool) error) error {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), leasePrefix) {
			continue
		}
		l, err := d.open(e.Name(), flag)
		if l != nil {
			mine, lockErr := l.lock()
			if err = lockErr; err != nil {
				err = errors.Join(err, l.file.Close())
			} else {
				err = f(l, !mine)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("lease %q: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// open opens a file that may be a lease. It returns nil for what has gone meanwhile, and
// for what is no file of a trusted user.
func (d *leaseDir) open(name string, flag int) (*lease, error) {
	file, err := d.openOwn(name, flag, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if file == nil {
		return nil, err
	}
	return &lease{dir: d, name: name, file: file}, nil
}

// A Lease is what a lease file says.
type Lease struct {
	Name string
	Boot string // boot id; empty in a file that is not whole
	PID  int    // process that wrote it
	Held bool   // its owner lives
}

// read returns what the lease says: nothing, if it cannot be read or is a copy. ours says
// that it is a lease, or the beginning of one.
func (l *lease) read() (info Lease, ours bool) {
	text, err := io.ReadAll(io.NewSectionReader(l.file, 0, maxLease))
	file, statErr := l.file.Stat()
	if err != nil || statErr != nil {
		return Lease{Name: l.name}, false
	}
	info, original := parseLease(text)
	if original != stat(file).Ino {
		info = Lease{}
	}
	info.Name = l.name
	begins := min(len(text), len(leaseMagic))
	return info, string(text[:begins]) == leaseMagic[:begins]
}

// parseLease returns what a lease says, and the inode that it was written to.
func parseLease(text []byte) (info Lease, inode uint64) {
	_, err := fmt.Sscanf(string(text), leaseForm, &info.Boot, &info.PID, &inode)
	if err != nil || string(text) != fmt.Sprintf(leaseForm, info.Boot, info.PID, inode) {
		return Lease{}, 0
	}
	return info, inode
}

// Leases lists the leases in a state directory, changing nothing. A directory that is not there
// has none. The error means that it cannot be read, or that no session would keep leases in it.
func Leases(dir string) ([]Lease, error) { return leasesOn(hostSystem(""), dir) }

func leasesOn(sys system, dir string) ([]Lease, error) {
	d, err := existingLeaseDir(sys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.close()
	var leases []Lease
	err = d.each(os.O_RDONLY, func(l *lease, held bool) error {
		info, ours := l.read()
		if info.Held = held; ours {
			leases = append(leases, info)
		}
		return l.file.Close()
	})
	return leases, err
}
