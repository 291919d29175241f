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
	PPID int32
	// UID is the real user id.
	UID uint32
	// Command is the name by which the process is counted and shown.
	Command string
	// Kernel marks a kernel thread.
	Kernel bool
}

// A Table holds one Process a process id. Its zero value is empty and ready. It
// is not safe for concurrent use.
type Table struct {
	processes map[int32]Process
}

// Len returns the number of processes.
func (t *Table) Len() int { return len(t.processes) }

// Get returns the entry of a process and whether there is one.
func (t *Table) Get(pid int32) (Process, bool) {
	p, ok := t.processes[pid]
	return p, ok
}

// Put sets the entry of a process.
func (t *Table) Put(pid int32, p Process) {
	if t.processes == nil {
		t.processes = make(map[int32]Process)
	}
	t.processes[pid] = p
}

// Fork enters a child, which begins as a copy of its parent. A child of an
// unknown parent is unknown but for that.
func (t *Table) Fork(parent, child int32) {
	p := t.processes[parent]
	p.PPID = parent
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
	fresh := make(map[int32]Process, len(t.processes))
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
		p.UID = uid
		fresh[pid] = p
		return true
	})
	if err != nil {
		return err
	}
	t.processes = fresh
	return nil
}
