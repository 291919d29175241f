//go:build linux

package proc_connector

import (
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// exits finds out which exits of first threads are the end of a process. Two
// are not: a first thread may call pthread_exit while others live on, and when
// another thread calls exec the kernel ends the first one, reports its exit, and
// then reports the exec under the same id.
//
// An event does not say which it is, and its sender is still at work when it is
// read. So each exit that no signal caused is compared with /proc, and stays
// undecided while other threads of the process are left.
type exits struct {
	fs        *procfs.FS
	undecided map[int32]cnproc.Event
}

// ended reports whether the exit e of a first thread ended its process. If that
// cannot be told yet, it reports false and remembers e.
func (x *exits) ended(e *cnproc.Event) bool {
	// A signal that kills ends all threads.
	if e.ExitStatus.Signaled() || x.dead(e.Task.TGID) {
		delete(x.undecided, e.Task.TGID)
		return true
	}
	x.undecided[e.Task.TGID] = *e
	return false
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
	return st.Exiting() && st.Threads <= 1
}

// exec notes that a process lives on under the id of its first thread.
func (x *exits) exec(pid int32) { delete(x.undecided, pid) }

// fork notes that an id was given to a new process. If an exit under that id
// was undecided it did end the old one, and is returned.
func (x *exits) fork(pid int32) (cnproc.Event, bool) {
	if len(x.undecided) == 0 {
		return cnproc.Event{}, false
	}
	e, ok := x.undecided[pid]
	delete(x.undecided, pid)
	return e, ok
}

// settle calls ended for each process that has ended meanwhile.
func (x *exits) settle(ended func(e *cnproc.Event)) {
	for pid, e := range x.undecided {
		if x.dead(pid) {
			delete(x.undecided, pid)
			ended(&e)
		}
	}
}

// forget drops what was undecided about processes that live, after events were
// lost among which the deciding one may have been.
func (x *exits) forget(alive func(pid int32) bool) {
	for pid := range x.undecided {
		var st procfs.Stat
		if alive(pid) && x.fs.Stat(pid, &st) == nil && !st.Exiting() {
			delete(x.undecided, pid)
		}
	}
}
