package processes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// tick is the unit of start times in /proc, in nanoseconds: USER_HZ of
// include/asm-generic/param.h is 100 on all architectures that matter.
const tick = 10_000_000

// A Source is where a Table is rebuilt from.
type Source struct {
	FS *procfs.FS
	// Now returns CLOCK_MONOTONIC and Suspended by how much CLOCK_BOOTTIME, which start
	// times are of, is ahead of it; both in nanoseconds.
	Now       func() uint64
	Suspended func() int64
	// Describe fills in the Key of a process from its stat, which does not survive the next
	// reading, and returns the arguments to keep. On an error the process is left out.
	Describe func(st *procfs.Stat, p *Process) (arguments []byte, err error)
}

// Start turns a start time of /proc into nanoseconds of CLOCK_MONOTONIC.
func Start(ticks uint64, suspended int64) uint64 {
	// A process that is older than the machine's boot clock says 0, and nothing may be
	// older than the monotonic one.
	return uint64(max(int64(ticks*tick)-suspended, 1))
}

// SameStart compares start times of processes with the same id, one of which may be of /proc.
func SameStart(a, b uint64) bool { return a < b+2*tick && b < a+2*tick }

// Rebuild makes the table what /proc shows now, or leaves it as it is on an error. Events
// that were queued meanwhile are to be applied afterwards: what they say of a process before
// it was read is recognised as outdated.
//
// Leaderless are the processes whose first thread has ended before the others, so that no
// event may be left that will tell their end.
func (t *Table) Rebuild(src Source) (leaderless []int32, err error) {
	fresh := make(map[int32]*Process, len(t.processes))
	suspended := src.Suspended()
	var st procfs.Stat
	err = src.FS.PIDs(func(pid int32) bool {
		at := src.Now()
		// One that is about to end is left out: its exit may have been reported already.
		if src.FS.Stat(pid, &st) != nil || st.Exiting() && st.Threads <= 1 {
			return true
		}
		start := Start(st.StartTime, suspended)
		p := &Process{PID: pid, PPID: st.PPID, Kernel: st.KernelThread(), Start: start, scanned: at}
		arguments, err := src.Describe(&st, p)
		if err != nil {
			return true
		}
		t.KeepArguments(p, arguments)
		fresh[pid] = p
		if st.Exiting() {
			leaderless = append(leaderless, pid)
		}
		return true
	})
	if err != nil {
		for _, p := range fresh {
			t.dropArguments(p)
		}
		return nil, fmt.Errorf("process table: %w", err)
	}
	t.replace(fresh, src.Now())
	return leaderless, nil
}

// replace puts in what was read. A process that was known stays the same one.
func (t *Table) replace(fresh map[int32]*Process, now uint64) {
	old := t.processes
	t.processes = fresh
	for pid, p := range fresh {
		if known := old[pid]; known != nil && SameStart(known.Start, p.Start) {
			p.serial, p.Start = known.serial, known.Start
		} else {
			t.serial++
			p.serial = t.serial
		}
	}
	// All enter before others leave, so that no series seems to be idle in between; and the
	// oldest first, as their commands would have got places had they been seen to start.
	for _, pid := range slices.Sorted(maps.Keys(fresh)) {
		t.Adopt(fresh[pid], fresh[pid].PPID)
		t.Update(fresh[pid], now)
	}
	for _, p := range old {
		t.discard(p, now)
	}
	// No more spare entries than there are others.
	n := min(len(t.spare), len(fresh))
	clear(t.spare[n:])
	t.spare = t.spare[:n]
}
