//go:build linux

package proc_connector

import (
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// How often undecided exits are looked at: soon at first, because a process
// that ends takes its threads along within a moment, and ever more rarely after
// that, because one whose first thread has left the others may live for years.
const (
	minSettleInterval = 5 * time.Millisecond
	maxSettleInterval = 10 * time.Second
)

// exits finds out which exits of first threads are the end of a process. Two
// are not: a first thread may end while others live on, and when another thread
// calls exec the kernel ends the first one, reports its exit, and then reports
// the exec under the same id.
//
// An event does not say which it is, and its sender is still at work when it is
// read. So each exit is compared with /proc, and stays undecided while other
// threads of the process are left.
type exits struct {
	fs        *procfs.FS
	undecided map[int32]*ending
	interval  time.Duration
	next      time.Time // when to look again
}

// dead reports whether a process whose first thread's exit was reported has no
// other threads left. When the answer is no although the first thread lives, its
// id belongs to somebody else by now: another thread that called exec, or a new
// process. The event that says which is on its way.
func (x *exits) dead(pid int32) bool {
	var st procfs.Stat
	if err := x.fs.Stat(pid, &st); err != nil {
		return true
	}
	// No thread at all is what a first thread shows at the moment at which it is
	// taken away, be it by its parent or by a thread that calls exec.
	return st.Exiting() && st.Threads == 1
}

// wait remembers the exit of a first thread that has left others behind.
func (x *exits) wait(e ending, now time.Time) {
	alone := len(x.undecided) == 0
	x.undecided[e.pid] = &e
	x.interval = minSettleInterval
	// Those that wait already do not wait any longer for a new one.
	if next := now.Add(x.interval); alone || next.Before(x.next) {
		x.next = next
	}
}

// exec notes that a process lives on under the id of its first thread.
func (x *exits) exec(pid int32) { delete(x.undecided, pid) }

// fork notes that an id was given to a new process. If an exit under that id
// was undecided it did end the old one, which is returned.
func (x *exits) fork(pid int32) *ending {
	e := x.undecided[pid]
	delete(x.undecided, pid)
	if e != nil {
		e.end = max(e.end, e.alive)
	}
	return e
}

// settle calls ended for each process that has ended meanwhile, if it is time to
// look, and returns how long to wait until it is time again, or 0 if nothing is
// undecided. Mono is now in nanoseconds of CLOCK_MONOTONIC.
func (x *exits) settle(now time.Time, mono uint64, ended func(e *ending)) time.Duration {
	if len(x.undecided) == 0 {
		return 0
	}
	if !now.Before(x.next) {
		for pid, e := range x.undecided {
			if !x.dead(pid) {
				e.alive = mono
				continue
			}
			delete(x.undecided, pid)
			// Where other threads were seen, the process ended since. The looks
			// become rarer by and by, so this is never much more than twice what
			// it lived on without its first thread.
			if e.alive != 0 {
				e.end = max(e.end, mono)
			}
			ended(e)
		}
		x.interval = min(2*x.interval, maxSettleInterval)
		x.next = now.Add(x.interval)
	}
	if len(x.undecided) == 0 {
		return 0
	}
	return x.next.Sub(now)
}

// forget drops what was undecided about processes that live, after events were
// lost among which the deciding one may have been.
func (x *exits) forget() {
	for pid := range x.undecided {
		var st procfs.Stat
		if x.fs.Stat(pid, &st) == nil && !st.Exiting() {
			delete(x.undecided, pid)
		}
	}
}
