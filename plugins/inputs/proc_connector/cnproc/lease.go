package cnproc

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// A lease is a file that claims that the kernel's count holds one LISTEN of its
// owner's. The owner keeps it locked (flock(2)) for as long as it lives, and the
// kernel takes the lock away however the owner ends. So a lease that nobody
// locks is a LISTEN that nobody will take back, and whoever comes next can do
// it: lock the lease, remove it, give back one.
//
// A lease must never claim what is not there, or giving it back silences
// somebody. It therefore goes through these states, each step a single system
// call, and only a written one claims anything:
//
//	create, lock        LISTEN acknowledged: write        remove (before IGNORE)
//	─────────────▶ void ─────────────────────────▶ written ─────────────▶ gone
//
// A file that is not whole claims nothing, nor does one of an earlier boot: the
// kernel's count began at zero then.
type lease struct {
	dir  *leaseDir
	name string
	file *os.File // locked

	written bool // it claims something
}

const (
	leasePrefix = "lease-"
	leaseMode   = 0o600
	leaseMagic  = "telegraf-proc-connector lease"
	leaseEnd    = "end"
	maxLease    = 4 << 10 // bytes; a larger file is none of ours

	stateDirMode = 0o700
)

// A leaseDir is the folder in which the leases of a machine are kept. The nil
// *leaseDir keeps none. It is opened once, so that it stays the same folder
// whatever becomes of its path.
type leaseDir struct {
	root *os.Root
	boot string
}

// openLeaseDir opens the folder, and makes it if it is not there.
func openLeaseDir(path, boot string) (_ *leaseDir, err error) {
	if err := os.MkdirAll(path, stateDirMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	if err := checkStateDir(path, root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &leaseDir{root: root, boot: boot}, nil
}

// checkStateDir refuses a folder into which others may put what they like, or
// that is reached by a link that others may have laid.
func checkStateDir(path string, root *os.Root) error {
	named, err := os.Lstat(path)
	if err != nil {
		return err
	}
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	switch {
	case !os.SameFile(named, opened):
		return fmt.Errorf("%s is a symbolic link, name the folder itself", path)
	case opened.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s may be written to by others (mode %04o): chmod 0700 it, or name another", path, opened.Mode().Perm())
	case !trusted(opened):
		return fmt.Errorf("%s belongs to another user (id %d): name a folder of this user's", path, owner(opened))
	}
	return nil
}

// trusted reports whether a file is this user's own. Root looks after
// everybody's.
func trusted(info fs.FileInfo) bool { return os.Geteuid() == 0 || owner(info) == os.Geteuid() }

// createAttempts is how often a lease is created: a session that looks for
// leases just then may take the empty file away before it is locked.
const createAttempts = 3

// create makes a lease that claims nothing yet.
func (d *leaseDir) create() (*lease, error) {
	for range createAttempts {
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		l := &lease{dir: d, name: leasePrefix + hex.EncodeToString(random[:])}
		var err error
		if l.file, err = d.root.OpenFile(l.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, leaseMode); err != nil {
			return nil, err
		}
		crash("lease created")
		if mine, err := l.lock(); err != nil {
			return nil, errors.Join(err, l.remove())
		} else if mine {
			return l, nil
		}
		if err := l.file.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("leases are removed as soon as they are created")
}

// lock reports whether the lease is this session's now: locked, and still there.
func (l *lease) lock() (bool, error) {
	if locked, err := lockFile(l.file); err != nil || !locked {
		return false, err
	}
	// Whoever held the lock before may have removed the file.
	info, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	return links(info) > 0, nil
}

// write makes the lease claim one LISTEN. It fails as a whole: a lease that could
// not be written claims nothing.
func (l *lease) write() error {
	l.written = true // in part at least
	_, err := fmt.Fprintf(l.file, "%s\nboot %s\npid %d\n%s\n", leaseMagic, l.dir.boot, os.Getpid(), leaseEnd)
	return err
}

// remove takes the claim back, and gives up the lock. If it returns an error the
// claim stands, for a later session to find.
func (l *lease) remove() error {
	err := l.dir.root.Remove(l.name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // somebody has tidied up
	}
	if err != nil && l.file.Truncate(0) == nil {
		err = nil // it is still there, but claims nothing
	}
	// The lock goes with the descriptor, whatever closing it returns.
	_ = l.file.Close() //nolint:errcheck // nothing was written that closing could lose
	return err
}

// orphans calls f with each lease of this boot whose owner has died, locked. f
// must remove it, and stops the search with an error. Leases that claim nothing
// are removed on the way.
func (d *leaseDir) orphans(f func(l *lease) error) error {
	if d == nil {
		return nil
	}
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		l, info, err := d.adopt(name)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		if info.Boot != d.boot {
			err = l.remove()
		} else {
			err = f(l)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// names lists what may be a lease.
func (d *leaseDir) names() ([]string, error) {
	dir, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if strings.HasPrefix(name, leasePrefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// adopt locks a lease that nobody else has locked, and reads it. Without one it
// returns nil.
func (d *leaseDir) adopt(name string) (*lease, Lease, error) {
	l, err := d.open(name)
	if l == nil || err != nil {
		return nil, Lease{}, err
	}
	mine, err := l.lock()
	if err != nil || !mine {
		return nil, Lease{}, errors.Join(err, l.file.Close())
	}
	info, err := l.read()
	if err != nil {
		return nil, Lease{}, errors.Join(err, l.file.Close())
	}
	return l, info, nil
}

// open opens a file that may be a lease. It returns nil for what has gone
// meanwhile, and for what is no file of a trusted user: nothing is done to that.
func (d *leaseDir) open(name string) (*lease, error) {
	info, err := d.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || links(info) != 1 || info.Size() > maxLease || !trusted(info):
		return nil, nil
	}
	file, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
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

func (l *lease) read() (Lease, error) {
	text, err := io.ReadAll(io.NewSectionReader(l.file, 0, maxLease))
	if err != nil {
		return Lease{}, err
	}
	info := parseLease(text)
	info.Name = l.name
	return info, nil
}

func parseLease(text []byte) Lease {
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) != 5 || string(lines[0]) != leaseMagic || string(lines[3]) != leaseEnd || len(lines[4]) != 0 {
		return Lease{}
	}
	boot, bootOK := bytes.CutPrefix(lines[1], []byte("boot "))
	id, pidOK := bytes.CutPrefix(lines[2], []byte("pid "))
	pid, err := strconv.Atoi(string(id))
	if !bootOK || !pidOK || err != nil || len(boot) == 0 {
		return Lease{}
	}
	return Lease{Boot: string(boot), PID: pid}
}

const (
	// mendLockWait bounds how long a session waits for another one that is at
	// work on the kernel's count. It takes milliseconds.
	mendLockWait = 500 * time.Millisecond
	mendLockPoll = 2 * time.Millisecond
)

// lock keeps the sessions of a machine from working on the kernel's count at the
// same time, which would take it too high. It gives up after a while, or when
// hurry says so: a count that is too high is no reason to wait for ever.
func (d *leaseDir) lock(hurry func() bool) (unlock func()) {
	if d == nil {
		return func() {}
	}
	dir, err := d.root.Open(".")
	if err != nil {
		return func() {}
	}
	for deadline := time.Now().Add(mendLockWait); time.Now().Before(deadline) && !hurry(); time.Sleep(mendLockPoll) {
		if locked, err := lockFile(dir); locked || err != nil {
			break
		}
	}
	return func() { _ = dir.Close() } //nolint:errcheck // it was only locked
}

func (d *leaseDir) close() error {
	if d == nil {
		return nil
	}
	return d.root.Close()
}
