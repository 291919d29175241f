package cnproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	// lockName is the file whose lock keeps sessions from changing the kernel's count at
	// the same time: only its owner can open it, a directory all who may read it.
	lockName = "lock"

	leaseMode    = 0o600
	stateDirMode = 0o700
	maxLease     = 4 << 10 // bytes; a larger file is none of ours
)

// A leaseDir is the directory in which the leases of a machine are kept, opened once, so
// that it stays the same whatever becomes of its path. The nil *leaseDir keeps none.
type leaseDir struct {
	sys  system
	root *os.Root
	boot string // empty: only to look
}

// openLeaseDir opens the directory to keep leases in it, and makes it if need be.
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
	d, err := existingLeaseDir(sys, path)
	if err != nil {
		return nil, err
	}
	d.boot = boot
	if err := d.createLock(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// createLock makes the lock file if need be. Root makes it for the directory's owner.
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

// existingLeaseDir opens a directory that is there and fit for leases.
func existingLeaseDir(sys system, path string) (*leaseDir, error) {
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

// check refuses a directory into which others may put what they like, or to which a link
// leads that others may have laid.
func (d *leaseDir) check(path string) error {
	named, namedErr := os.Lstat(path)
	opened, openedErr := d.root.Stat(".")
	switch err := errors.Join(namedErr, openedErr); {
	case err != nil:
		return err
	case !os.SameFile(named, opened):
		return fmt.Errorf("%s is a symbolic link, name the directory itself", path)
	case opened.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s may be written to by others (mode %04o): chmod 0700 it, or name another", path, opened.Mode().Perm())
	case !d.trusts(opened):
		return fmt.Errorf("%s belongs to another user (id %d): name a directory of this user's", path, stat(opened).Uid)
	}
	return nil
}

// trusts reports whether a file is this user's own. Root looks after everybody's.
func (d *leaseDir) trusts(info fs.FileInfo) bool {
	return d.sys.uid == 0 || int(stat(info).Uid) == d.sys.uid
}

// stat is what the file system knows of a file: on Linux always a Stat_t.
func stat(info fs.FileInfo) *syscall.Stat_t {
	st, _ := info.Sys().(*syscall.Stat_t)
	return st
}

// openOwn opens a small file that belongs to a trusted user and to no other directory,
// and permits at most mode. It returns nil for anything else.
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

// openNamed opens a file that was looked at before, because opening can have effects, and
// looks at it again: it may have been replaced by a link to what only root may change.
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

const lockPoll = time.Millisecond

// lock keeps the sessions of a machine from working on the kernel's count at the same
// time: what one of them finds would be wrong by the time it acts on it. It gives up
// after the time limit, or when hurry says so. Without the lock the count may be raised,
// but nobody may give back what a lease claims.
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

func (d *leaseDir) close() error {
	if d == nil {
		return nil
	}
	return d.root.Close()
}
