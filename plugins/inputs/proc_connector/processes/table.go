package processes

const (
	// kthreadd is the process that all kernel threads are children of (init/main.c starts it
	// second).
	kthreadd = 2

	// maxLines is how many bytes of arguments are kept. Beyond it those of new programs are not.
	maxLines = 16 << 20
)

// A Table holds one Process a process id, and has each counted as running in its series. It
// is built from /proc once and then kept by events, whose cost does not depend on how many
// processes there are. It is not safe for concurrent use.
type Table struct {
	set       *Set
	processes map[int32]*Process
	spare     []*Process // of processes that have ended: entering one allocates nothing
	serial    uint64     // the last one given
	lineBytes int
}

// NewTable returns an empty Table.
func NewTable(set *Set) *Table {
	return &Table{set: set, processes: make(map[int32]*Process)}
}

// Len returns the number of processes.
func (t *Table) Len() int { return len(t.processes) }

// Get returns the entry of a process, or nil. Call Update after a change of it; it is
// invalid after the next call for another process.
func (t *Table) Get(pid int32) *Process { return t.processes[pid] }

// Parent returns the entry of a process's parent, or nil when that has ended: its id may be
// another's by now.
func (t *Table) Parent(p *Process) *Process {
	if parent := t.processes[p.PPID]; parent != nil && parent.serial == p.parent {
		return parent
	}
	return nil
}

// Adopt gives a process the parent that it has now.
func (t *Table) Adopt(p *Process, parent int32) {
	p.PPID, p.parent = parent, 0
	if q := t.processes[parent]; q != nil {
		p.parent = q.serial
	}
}

// Fork enters a child that began at a time in nanoseconds of CLOCK_MONOTONIC, as a copy of
// its parent.
func (t *Table) Fork(parent, child int32, at uint64) {
	if old := t.processes[child]; old != nil {
		if old.Outdated(at) {
			if SameStart(old.Start, at) {
				old.Start = at // to the nanosecond
			}
			return
		}
		t.Exit(child, at) // its exit was lost
	}
	p := t.Enter(child)
	p.PPID, p.Start = parent, at
	q := t.processes[parent]
	if q == nil {
		if parent == kthreadd {
			p.Kernel, p.Command = true, Kernel
		}
		t.Update(p, at)
		return
	}
	p.parent, p.Key, p.Kernel = q.serial, q.Key, q.Kernel
	p.Guessed = q.Guessed || q.Outdated(at)
	if p.line = q.line; p.line != nil {
		p.line.users++
	}
	p.series = t.set.Enter(q.series, at)
}

// Enter returns the entry of a process, which is made if there is none: the fork was lost.
// Update must follow.
func (t *Table) Enter(pid int32) *Process {
	if p := t.processes[pid]; p != nil {
		return p
	}
	var p *Process
	if last := len(t.spare) - 1; last >= 0 {
		p, t.spare = t.spare[last], t.spare[:last]
	} else {
		p = new(Process)
	}
	t.serial++
	p.PID, p.serial = pid, t.serial
	t.processes[pid] = p
	return p
}

// Update has a process counted in the series that it belongs to after a change.
func (t *Table) Update(p *Process, at uint64) {
	s := t.set.Get(p.SeriesKey())
	if s == p.series {
		return
	}
	// It leaves first, so that a new name can have the place of the old one.
	if p.series != nil {
		t.set.Leave(p.series, at)
	}
	p.series = t.set.Enter(s, at)
}

// KeepArguments keeps a copy of the arguments of the program that a process runs, in place of
// those from before.
func (t *Table) KeepArguments(p *Process, arguments []byte) {
	t.dropArguments(p)
	if len(arguments) > 0 && t.lineBytes+len(arguments) <= maxLines {
		p.line = &line{text: string(arguments), users: 1}
		t.lineBytes += len(arguments)
	}
}

func (t *Table) dropArguments(p *Process) {
	if p.line == nil {
		return
	}
	if p.line.users--; p.line.users == 0 {
		t.lineBytes -= len(p.line.text)
	}
	p.line = nil
}

// Exit removes a process, if it is there.
func (t *Table) Exit(pid int32, at uint64) {
	if p := t.processes[pid]; p != nil {
		delete(t.processes, pid)
		t.discard(p, at)
	}
}

// discard lets go of an entry that is in the table no longer.
func (t *Table) discard(p *Process, at uint64) {
	if p.series != nil {
		t.set.Leave(p.series, at)
	}
	t.dropArguments(p)
	*p = Process{}
	t.spare = append(t.spare, p)
}
