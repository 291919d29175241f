//go:build linux

package proc_connector

import (
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

const (
	// lookMargin is how long before its event an exec begins to show in /proc:
	// the kernel gives the process its new name and memory, loads the program,
	// and then reports. It was chosen between that time and the half
	// millisecond that a program needs at the least to call exec again.
	lookMargin = 250 * time.Microsecond

	// maxFindings bounds what waits to be confirmed. With more, which takes a
	// backlog of events that hardly moves, the oldest are believed as they are.
	maxFindings = 8192
)

// A finding is what /proc showed of a process some time after an event. The
// process may have gone on meanwhile: it may have called exec once more, so that
// the command line is not that of the event, or what looked like its end may
// have been that of a thread. But everything that a process did before it was
// looked at had been queued by then. So a finding is held until the queue has
// passed that moment, and events that come before may contradict it.
type finding struct {
	pid   int32
	until uint64 // nanoseconds of CLOCK_MONOTONIC

	execed bool           // it is about an exec, not an exit
	series *series.Series // of an exec; nil when that is not known
	gone   bool           // an exec that could not be read
	forked bool           // since that exec the process has had children, which took its name over
	exec   *execEvent     // what an exec is to be reported as, if it is
	size   int            // of that, when it was added
	ending ending         // of an exit
	void   bool           // contradicted, or settled before its time
}

// forget drops what was read of a process that was not to be trusted.
func (f *finding) forget() {
	f.series, f.gone = nil, true
	if f.exec != nil {
		f.exec.forget()
	}
}

// findings are held in the order in which they were made. Their zero value is
// not ready: see newFindings.
type findings struct {
	held  []finding // from index head on
	head  int
	first uint64 // number of held[head]; each finding has the next number
	bytes int    // of the exec events held

	// doubt says that processes have taken over a name that was not to be
	// trusted: only /proc can tell what they are.
	doubt bool

	execs, exits map[int32]uint64 // number of the latest finding of a process

	current finding // the one that is being resolved

	resolve func(f *finding) // takes what nothing has contradicted
}

func newFindings(resolve func(f *finding)) findings {
	return findings{execs: make(map[int32]uint64), exits: make(map[int32]uint64), resolve: resolve}
}

// len is how many findings are held.
func (f *findings) len() int { return len(f.held) - f.head }

// addExec holds what was read about an exec until now.
func (f *findings) addExec(pid int32, now uint64, n finding) {
	n.pid, n.until, n.execed = pid, now+uint64(lookMargin), true
	if n.exec != nil {
		n.size = n.exec.size()
	}
	f.execs[pid] = f.add(n)
	f.bytes += n.size
	for f.len() > 0 && f.bytes > queueBytes {
		f.resolveOldest()
	}
}

// addExit holds the end of a process, which /proc showed now.
func (f *findings) addExit(now uint64, e *ending) {
	// Of two ends the first was none; the exec between them was lost.
	if n, ok := f.exits[e.pid]; ok {
		f.at(n).void = true
	}
	f.exits[e.pid] = f.add(finding{pid: e.pid, until: now + uint64(lookMargin), ending: *e})
}

func (f *findings) add(n finding) uint64 {
	if f.len() >= maxFindings {
		f.resolveOldest()
	}
	if f.head > 0 && len(f.held) == cap(f.held) {
		f.held = f.held[:copy(f.held, f.held[f.head:])]
		f.head = 0
	}
	f.held = append(f.held, n)
	return f.first + uint64(f.len()-1)
}

// exec notes that a process reported an exec. If its end was found, that was the
// end of its first thread, whose place another has taken. If an earlier exec was
// read when this one had begun to show, nothing that was read is certain.
func (f *findings) exec(pid int32, timestamp uint64) {
	if n, ok := f.exits[pid]; ok {
		f.at(n).void = true
		delete(f.exits, pid)
	}
	f.spoil(pid, timestamp)
}

// fork notes that an id was given to a new process. If the old one's end was
// found, that is certain now, and returned. Spoiled says that what was read of
// its last exec is not certain.
func (f *findings) fork(parent, pid int32, timestamp uint64) (end *ending, spoiled bool) {
	if n, ok := f.execs[parent]; ok {
		f.at(n).forked = true
	}
	spoiled = f.spoil(pid, timestamp)
	n, ok := f.exits[pid]
	if !ok {
		return nil, spoiled
	}
	old := f.at(n)
	old.void = true
	delete(f.exits, pid)
	return &old.ending, spoiled
}

// renamed notes that a process took a name. If an earlier exec was read when it
// had that already, the children that it has had before are called otherwise.
func (f *findings) renamed(pid int32, timestamp uint64) {
	if n, ok := f.execs[pid]; ok {
		old := f.at(n)
		f.doubt = f.doubt || old.forked && timestamp < old.until
	}
}

func (f *findings) spoil(pid int32, timestamp uint64) (spoiled bool) {
	if n, ok := f.execs[pid]; ok {
		if old := f.at(n); timestamp < old.until {
			f.doubt = f.doubt || old.forked
			old.forget()
			spoiled = true
		}
		delete(f.execs, pid)
	}
	return spoiled
}

// revoke drops the ends of processes that are alive.
func (f *findings) revoke(alive func(e *ending) bool) {
	for pid, n := range f.exits {
		if old := f.at(n); alive(&old.ending) {
			old.void = true
			delete(f.exits, pid)
		}
	}
}

func (f *findings) at(number uint64) *finding { return &f.held[f.head+int(number-f.first)] }

// passed resolves the findings that nothing can contradict any more, now that
// the queue has been followed up to a time in nanoseconds of CLOCK_MONOTONIC.
func (f *findings) passed(timestamp uint64) {
	for f.len() > 0 && f.held[f.head].until < timestamp {
		f.resolveOldest()
	}
}

// flush resolves all that is left.
func (f *findings) flush() {
	for f.len() > 0 {
		f.resolveOldest()
	}
}

func (f *findings) resolveOldest() {
	oldest := &f.current
	*oldest = f.held[f.head]
	f.held[f.head] = finding{} // let go of what it points to
	if oldest.execed {
		f.bytes -= oldest.size
		if f.execs[oldest.pid] == f.first {
			delete(f.execs, oldest.pid)
		}
	} else if f.exits[oldest.pid] == f.first {
		delete(f.exits, oldest.pid)
	}
	f.head++
	f.first++
	if f.len() == 0 {
		f.held, f.head = f.held[:0], 0
	}
	if !oldest.void {
		f.resolve(oldest)
	}
	*oldest = finding{}
}
