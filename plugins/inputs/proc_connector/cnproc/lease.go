package cnproc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A lease is a file that says that the kernel's count may hold one LISTEN of its
// owner's. The owner keeps it locked (flock(2)) for as long as it lives, and the
// kernel takes the lock away however the owner ends. So a lease that nobody locks
// may be a LISTEN that nobody will take back, and whoever comes next can do it: lock
// the lease, give back one, remove it.
//
// The lease stands from before LISTEN is sent until after IGNORE was, so that a
// session which is killed leaves no LISTEN of which nobody knows. It may therefore
// claim one that was never sent, or is taken back: that harms nobody, because what is
// given back is only ever above what all members of the group have sent, if each has
// sent one LISTEN (see giveBack).
//
// A file that is not whole claims nothing, nor does one of an earlier boot: the
// kernel's count began at zero then. Nor does a copy, which has another inode: the
// original is locked, or has been given back.
type lease struct {
	dir  *leaseDir
	name string
	file *os.File // locked
}

const (
	leasePrefix = "lease-"
	leaseMode   = 0o600
	leaseMagic  = "telegraf-proc-connector lease"
	leaseEnd    = "end"
	maxLease    = 4 << 10 // bytes; a larger file is none of ours

	// lockName is the file whose lock keeps sessions from changing the kernel's
	// count at the same time. Only its owner can open it, and so hold the lock,
	// whereas a directory can be opened by all who may read it.
	lockName = "lock"

	stateDirMode = 0o700
)

// A leaseDir is the folder in which the leases of a machine are kept. The nil
// *leaseDir keeps none. It is opened once, so that it stays the same folder
// whatever becomes of its path.
type leaseDir struct {
	sys  system
	root *os.Root
	boot string
}

// openLeaseDir opens the folder to keep leases in it, and makes it if it is not
// there.
func openLeaseDir(sys system, path string) (*leaseDir, error) {
	boot, err := sys.bootID()
	if err == nil && boot == "" {
		err = errors.New("the kernel's boot id is empty") // and so is that of a lease which claims nothing
	}
	if err == nil {
		err = os.MkdirAll(path, stateDirMode)
	}
	if err != nil {
		return nil, err
	}
	d, err := trustedLeaseDir(sys, path)
	if err != nil {
		return nil, err
	}
	d.boot = boot
	if err := d.createLock(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// createLock makes the lock file unless it is there. Root makes it for the
// directory's owner.
func (d *leaseDir) createLock() error {
	file, err := d.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, leaseMode)
	if errors.Is(err, fs.ErrExist) {
		file, err = d.openOwn(lockName, os.O_RDWR, leaseMode)
		if file == nil && err == nil {
			err = fmt.Errorf("%s/%s is no file that only this user can open: remove it", d.root.Name(), lockName)
		}
	} else if err == nil && d.sys.uid == 0 {
		var dir fs.FileInfo
		if dir, err = d.root.Stat("."); err == nil {
			err = file.Chown(int(stat(dir).Uid), -1)
		}
	}
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

// existingLeaseDir opens the folder to look at the leases in it. It returns nil if
// there is none.
func existingLeaseDir(sys system, path string) (*leaseDir, error) {
	d, err := trustedLeaseDir(sys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return d, err
}

// trustedLeaseDir opens a folder that is there and fit for leases.
func trustedLeaseDir(sys system, path string) (*leaseDir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	d := &leaseDir{sys: sys, root: root}
	if err := d.check(path); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// check refuses a folder into which others may put what they like, or that is
// reached by a link that others may have laid.
func (d *leaseDir) check(path string) error {
	named, namedErr := os.Lstat(path)
	opened, openedErr := d.root.Stat(".")
	switch err := errors.Join(namedErr, openedErr); {
	case err != nil:
		return err
	case !os.SameFile(named, opened):
		return fmt.Errorf("%s is a symbolic link, name the folder itself", path)
	case opened.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s may be written to by others (mode %04o): chmod 0700 it, or name another", path, opened.Mode().Perm())
	case !d.trusts(opened):
		return fmt.Errorf("%s belongs to another user (id %d): name a folder of this user's", path, int(stat(opened).Uid))
	default:
		return nil
	}
}

// trusts reports whether a file is this user's own. Root looks after everybody's.
func (d *leaseDir) trusts(info fs.FileInfo) bool {
	return d.sys.uid == 0 || int(stat(info).Uid) == d.sys.uid
}

// createAttempts is how often a lease is created: a session that looks for
// leases just then may take the empty file away before it is locked.
const createAttempts = 3

// create makes a lease.
func (d *leaseDir) create() (*lease, error) {
	for range createAttempts {
		l := &lease{dir: d, name: leasePrefix + rand.Text()}
		file, err := d.root.OpenFile(l.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, leaseMode)
		if err != nil {
			return nil, err
		}
		l.file = file
		crash("lease created")
		mine, err := l.lock()
		if mine {
			err = l.write()
		}
		if mine && err == nil {
			crash("lease written")
			return l, nil
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

// write makes the lease claim one LISTEN. It fails as a whole: a lease that is
// not complete claims nothing.
func (l *lease) write() error {
	info, err := l.file.Stat()
	if err == nil {
		text := fmt.Sprintf("%s\nboot %s\npid %d\ninode %d\n%s\n", leaseMagic, l.dir.boot, os.Getpid(), stat(info).Ino, leaseEnd)
		_, err = l.file.WriteAt([]byte(text), 0)
	}
	return err
}

// remove takes the claim back, and gives up the lock. If it returns an error the
// claim may stand, for a later session to find.
//
// The file is emptied first, because that reaches it wherever it is: another name
// that somebody gave it meanwhile (rename, link) would go on claiming. An empty
// file that stays behind claims nothing.
func (l *lease) remove() error {
	err := l.file.Truncate(0)
	_ = l.dir.root.Remove(l.name) //nolint:errcheck // see above
	// The lock goes with the descriptor, whatever closing it returns.
	_ = l.file.Close()
	return err
}

// orphans calls f with each lease of this boot whose owner has died, locked. f
// must remove or close it. Leases that claim nothing are removed on the way. One
// that makes trouble does not keep the others from being found.
func (d *leaseDir) orphans(f func(l *lease) error) error {
	if d == nil {
		return nil
	}
	names, err := d.names()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := d.orphan(name, f); err != nil {
			errs = append(errs, fmt.Errorf("lease %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// orphan is orphans for one file.
func (d *leaseDir) orphan(name string, f func(l *lease) error) error {
	l, err := d.open(name, os.O_RDWR)
	if l == nil || err != nil {
		return err
	}
	mine, err := l.lock()
	if err != nil || !mine {
		return errors.Join(err, l.file.Close())
	}
	switch info, ours := l.read(); {
	case !ours:
		return l.file.Close() // somebody else's, who calls his files the same
	case info.Boot != d.boot:
		return l.remove()
	default:
		return f(l)
	}
}

// names lists what may be a lease.
func (d *leaseDir) names() (names []string, err error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), leasePrefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// open opens a file that may be a lease. It returns nil for what has gone
// meanwhile, and for what is no file of a trusted user: nothing is done to that.
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

// openOwn opens a small file that belongs to a trusted user and to no other
// directory, and permits at most mode. It returns nil if the file is anything else.
func (d *leaseDir) openOwn(name string, flag int, mode fs.FileMode) (*os.File, error) {
	named, err := d.root.Lstat(name)
	if err != nil || !d.own(named, mode) {
		return nil, err
	}
	return d.openNamed(named, flag, mode)
}

func (d *leaseDir) own(info fs.FileInfo, mode fs.FileMode) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&^mode == 0 && stat(info).Nlink == 1 && info.Size() <= maxLease && d.trusts(info)
}

// openNamed opens a file that was looked at before, because opening can have effects,
// and looks at it again, because it may have been replaced in between by a link to a
// file that only root may change.
func (d *leaseDir) openNamed(named fs.FileInfo, flag int, mode fs.FileMode) (*os.File, error) {
	file, err := d.root.OpenFile(named.Name(), flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !d.own(opened, mode) || !os.SameFile(named, opened) {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// A Lease is what a lease file says.
type Lease struct {
	Name string
	Boot string // boot id; empty in a file that is not whole
	PID  int    // process that wrote it
	Held bool   // its owner lives
}

// read returns what the lease says: nothing, if it cannot be read or is a copy.
// ours says that it is a lease, of which there may be only the beginning.
func (l *lease) read() (info Lease, ours bool) {
	text, err := io.ReadAll(io.NewSectionReader(l.file, 0, maxLease))
	var file fs.FileInfo
	if err == nil {
		file, err = l.file.Stat()
	}
	info, original := parseLease(text)
	if err != nil || original != stat(file).Ino {
		info = Lease{}
	}
	info.Name = l.name
	begins := min(len(text), len(leaseMagic))
	return info, err == nil && string(text[:begins]) == leaseMagic[:begins]
}

// parseLease returns what a lease says, and the inode that it was written to.
func parseLease(text []byte) (Lease, uint64) {
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) != 6 || string(lines[0]) != leaseMagic || string(lines[4]) != leaseEnd || len(lines[5]) != 0 {
		return Lease{}, 0
	}
	boot, bootOK := bytes.CutPrefix(lines[1], []byte("boot "))
	id, pidOK := bytes.CutPrefix(lines[2], []byte("pid "))
	number, inodeOK := bytes.CutPrefix(lines[3], []byte("inode "))
	pid, pidErr := strconv.Atoi(string(id))
	original, inodeErr := strconv.ParseUint(string(number), 10, 64)
	if !bootOK || !pidOK || !inodeOK || pidErr != nil || inodeErr != nil || len(boot) == 0 {
		return Lease{}, 0
	}
	return Lease{Boot: string(boot), PID: pid}, original
}

// hostPatience bounds how long a session waits for another one that is at work on
// the kernel's count, which takes milliseconds.
const hostPatience = 500 * time.Millisecond

const lockPoll = time.Millisecond

// lock keeps the sessions of a machine from working on the kernel's count at the
// same time: what one of them finds would be wrong by the time it acts on it. It
// gives up after the time limit, or when hurry says so, and reports whether it has
// the lock: to raise the count nobody need wait for ever, but without it nobody
// may give back what a lease claims.
func (d *leaseDir) lock(limit time.Duration, hurry func() bool) (locked bool, unlock func()) {
	if d == nil {
		return false, func() {}
	}
	file, err := d.openOwn(lockName, os.O_RDWR, leaseMode)
	if file == nil {
		// Where nobody keeps leases yet, nobody has the lock.
		return errors.Is(err, fs.ErrNotExist) && d.boot == "", func() {}
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(lockPoll) {
		locked, err := d.sys.flock(file)
		if locked || err != nil || hurry() || time.Now().After(deadline) {
			return locked, func() { _ = file.Close() }
		}
	}
}

// stat is what the file system says of a file, which is a *Stat_t for any file.
func stat(info fs.FileInfo) *syscall.Stat_t {
	st, _ := info.Sys().(*syscall.Stat_t) //nolint:errcheck // see above
	return st
}

func (d *leaseDir) close() error {
	if d == nil {
		return nil
	}
	return d.root.Close()
}
