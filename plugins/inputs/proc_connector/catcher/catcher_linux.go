package catcher

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// tapBuffer is the receive buffer of a tap in bytes. It holds more execs than a
// CPU makes in a second: whoever is further behind comes too late anyhow.
const tapBuffer = 4 << 20

// Wanted says what is read of a process besides /proc/PID/stat. Less costs less
// time.
type Wanted struct {
	Cmdline int // the arguments, up to so many bytes
	Exe     bool
	Cwd     bool
	Cgroup  bool
}

// lengths is how many bytes are read of each part at the most. Those that are
// not wanted may be needed to complete a name.
func (w Wanted) lengths() [parts]uint32 {
	cmdline := uint32(w.Cmdline)
	if cmdline == 0 {
		cmdline = linkLen
	}
	return [parts]uint32{partCmdline: cmdline, partStat: statLen, partExe: linkLen, partCwd: linkLen, partCgroup: cgroupLen}
}

// longest is the longest entry that can come of it.
func (w Wanted) longest() uint32 {
	sum := entrySize + entryAlign
	for _, n := range w.lengths() {
		sum += n
	}
	return sum
}

// A Config says what catchers read and how.
type Config struct {
	Proc       string // where proc is mounted
	Scheduling Scheduling
	Wanted     Wanted
}

// Catchers are the threads, and what they have read. Take, Read and Close are
// for one goroutine at a time.
type Catchers struct {
	all    []*one
	proc   int
	report Report
	done   sync.WaitGroup

	closeOnce sync.Once
	closeErr  error
}

// one is a catcher.
type one struct {
	group group
	tap   *cnproc.Tap
	stop  int
	ring  *ring
	loop  *loop
}

// Open starts to read. Nothing is heard until a session listens.
//
// Errors: ErrNotPermitted (errors.Is) when the scheduling that was asked for, other
// than Auto, is not permitted; those of cnproc.OpenTap; and what the system says
// when it has no memory, threads or descriptors left.
func Open(cfg Config) (_ *Catchers, err error) {
	groups, err := hostGroups()
	if err != nil {
		return nil, err
	}
	c := &Catchers{proc: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.proc, err = unix.Open(cfg.Proc, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: cfg.Proc, Err: err}
	}
	for i := range groups {
		o, err := c.open(groups[i], cfg.Wanted)
		if err != nil {
			return nil, fmt.Errorf("catcher %d: %w", i, err)
		}
		c.all = append(c.all, o)
	}
	for i, o := range c.all {
		scheduled := make(chan placed)
		c.done.Go(func() { o.follow(fmt.Sprintf("catch/%d", i), cfg.Scheduling, scheduled) })
		c.report.add(<-scheduled)
	}
	if cfg.Scheduling != Auto && c.report.Refused != nil {
		return nil, c.report.Refused
	}
	return c, nil
}

func (c *Catchers) open(g group, want Wanted) (_ *one, err error) {
	o := &one{group: g, stop: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	if o.ring, err = newRing(int(want.longest())); err != nil {
		return nil, err
	}
	if o.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if o.tap, err = cnproc.OpenTap(cnproc.TapConfig{What: cnproc.WhatExec, CPUs: g.cpus, ReceiveBuffer: tapBuffer}); err != nil {
		return nil, err
	}
	o.loop = newLoop(want, o.ring, o.tap.FD(), o.stop, c.proc)
	return o, nil
}

func (o *one) close() error {
	var errs []error
	if o.tap != nil {
		errs = append(errs, o.tap.Close())
	}
	if o.stop >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(o.stop)))
	}
	if o.ring != nil {
		errs = append(errs, o.ring.close())
	}
	return errors.Join(errs...)
}

// follow is a catcher's life. The thread ends with the goroutine, since nothing
// unlocks it: whatever it has made of itself is gone then.
func (o *one) follow(name string, s Scheduling, scheduled chan<- placed) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The first thread stands for the process. As long as this goroutine
		// keeps it, another goroutine has another.
		var other sync.WaitGroup
		other.Go(func() { o.follow(name, s, scheduled) })
		other.Wait()
		runtime.UnlockOSThread()
		return
	}
	p := place(name, o.group, s)
	scheduled <- p
	if p.permitted(s) {
		o.loop.outside()
		o.loop.ended.Store(true)
	}
}

// Close ends the threads and gives everything back, once. There may be no Catchers.
func (c *Catchers) Close() error {
	if c == nil {
		return nil
	}
	c.closeOnce.Do(func() { c.closeErr = c.end() })
	return c.closeErr
}

func (c *Catchers) end() error {
	var errs []error
	one := [8]byte{7: 1} // not zero, in either byte order
	for _, o := range c.all {
		if _, err := unix.Write(o.stop, one[:]); err != nil {
			errs = append(errs, os.NewSyscallError("write", err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...) // the threads still use what would be closed
	}
	c.done.Wait()
	for _, o := range c.all {
		errs = append(errs, o.close())
	}
	if c.proc >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(c.proc)))
	}
	return errors.Join(errs...)
}

// Report says what was got. It does not change.
func (c *Catchers) Report() Report { return c.report }

// Failed returns why a catcher has ended before Close, if one has: what it would
// have read is left to others. It may be called at any time. There may be no
// Catchers.
func (c *Catchers) Failed() error {
	if c == nil {
		return nil
	}
	for i, o := range c.all {
		if err := o.loop.failure(); err != nil {
			return fmt.Errorf("catcher %d: %w", i, err)
		}
	}
	return nil
}
