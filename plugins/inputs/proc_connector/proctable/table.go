// Package proctable keeps what is known of every live process: who started it,
// for whom it runs and what it is called. It is built from /proc once and then
// kept by the events of the process connector.
package proctable

import (
	"errors"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// kthreadd is the process that all kernel threads are children of
// (init/main.c starts it second).
const kthreadd = 2

// A Process is one entry of a Table.
type Process struct {
	// PPID is the parent's id, 0 if it is not known.
	PPID int32
	// UID is the real user id, if UIDKnown.
	UID      uint32
	UIDKnown bool
	// Command is the name by which the process is counted and shown; empty if
	// it is not known.
	Command string
	// Kernel marks a kernel thread.
	Kernel bool

	// serial tells the process from an earlier one with the same id, and parent
	// is its parent's.
	serial, parent uint64
}

// A Table holds one Process a process id. Its zero value is empty and ready. It
// is not safe for concurrent use.
type Table struct {
	processes map[int32]Process
	serial    uint64 // the last one given
}

// Len returns the number of processes.
func (t *Table) Len() int { return len(t.processes) }

// Get returns the entry of a process and whether there is one.
func (t *Table) Get(pid int32) (Process, bool) {
	p, ok := t.processes[pid]
	return p, ok
}

// Parent returns the entry of a process's parent, unless that has ended: its id
// may be another's by now.
func (t *Table) Parent(p *Process) (Process, bool) {
	parent, ok := t.processes[p.PPID]
	return parent, ok && parent.serial == p.parent
}

// Adopt gives a process the parent that it has now.
func (t *Table) Adopt(p *Process, parent int32) {
	p.PPID, p.parent = parent, t.processes[parent].serial
}

// Put sets the entry of a process that is a changed copy of the one there, or of
// one that was not there.
func (t *Table) Put(pid int32, p Process) {
	if t.processes == nil {
		t.processes = make(map[int32]Process)
	}
	if p.serial == 0 {
		t.serial++
		p.serial = t.serial
	}
	t.processes[pid] = p
}

// Fork enters a child, which begins as a copy of its parent. The child of an
// unknown parent is unknown but for that.
func (t *Table) Fork(parent, child int32) {
	p := t.processes[parent]
	p.serial = 0
	t.Adopt(&p, parent)
	p.Kernel = p.Kernel || parent == kthreadd
	t.Put(child, p)
}

// Exit removes a process.
func (t *Table) Exit(pid int32) { delete(t.processes, pid) }

// Rebuild replaces the table by what /proc shows now; name gives a process its
// Command. Events that were queued while it runs are to be applied afterwards:
// they bring up to date whatever has changed meanwhile. On error the table is
// unchanged.
func (t *Table) Rebuild(fs *procfs.FS, name func(pid int32, st *procfs.Stat) string) error {
	fresh := Table{processes: make(map[int32]Process, len(t.processes)), serial: t.serial}
	var st procfs.Stat
	err := fs.PIDs(func(pid int32) bool {
		// One that has ended is no error, and one that is about to end is left
		// out: its exit may have been reported already.
		if fs.Stat(pid, &st) != nil || st.Exiting() && st.Threads <= 1 {
			return true
		}
		// st.Comm does not survive the next reading.
		p := Process{PPID: st.PPID, Kernel: st.KernelThread(), Command: name(pid, &st)}
		uid, err := fs.RealUID(pid)
		if errors.Is(err, procfs.ErrGone) {
			return true
		}
		p.UID, p.UIDKnown = uid, err == nil
		fresh.Put(pid, p)
		return true
	})
	if err != nil {
		return err
	}
	for pid, p := range fresh.processes {
		fresh.Adopt(&p, p.PPID)
		fresh.processes[pid] = p
	}
	*t = fresh
	return nil
}
