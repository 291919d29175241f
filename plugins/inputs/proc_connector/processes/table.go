package processes

// kthreadd is the process that all kernel threads are children of
// (init/main.c starts it second).
const kthreadd = 2

// A Table holds one Process a process id, and has each counted as running in its
// series. What an event costs does not depend on how many processes there are.
// It is not safe for concurrent use.
type Table struct {
	set       *Set
	processes map[int32]*Process
	spare     []*Process // of processes that have ended: entering one allocates nothing
	serial    uint64     // the last one given
	lines     lines
}

// NewTable returns an empty Table.
func NewTable(set *Set) *Table {
	return &Table{set: set, processes: make(map[int32]*Process)}
}

// Len returns the number of processes.
func (t *Table) Len() int { return len(t.processes) }

// Get returns the entry of a process, or nil. Who changes it must call Update
// before anything else happens to the Table, and nobody may keep it longer.
func (t *Table) Get(pid int32) *Process { return t.processes[pid] }

// Parent returns the entry of a process's parent, or nil when that has ended:
// its id may be another's by now.
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

// Fork enters a child that began at a time in nanoseconds of CLOCK_MONOTONIC. It
// begins as a copy of its parent; the child of an unknown parent is unknown but
// for that.
func (t *Table) Fork(parent, child int32, at uint64) {
	if old := t.processes[child]; old != nil {
		if old.Outdated(at) {
			if SameStart(old.Start, at) {
				old.Start = at // to the nanosecond
			}
			return
		}
		// Its exit was lost.
		t.remove(old, at)
	}
	p := t.add(child)
	p.PPID, p.Start = parent, at
	switch q := t.processes[parent]; {
	case q != nil:
		p.parent = q.serial
		p.UID, p.UIDKnown, p.Kernel = q.UID, q.UIDKnown, q.Kernel
		p.Command, p.Unit, p.ContainerID = q.Command, q.Unit, q.ContainerID
		p.Guessed = q.Guessed || q.Outdated(at)
		p.line = q.line
		t.lines.share(p)
		p.series = t.set.Enter(q.series, at)
	case parent == kthreadd:
		p.Kernel, p.Command = true, Kernel
		fallthrough
	default:
		p.series = t.set.Enter(t.set.Get(p.Key()), at)
	}
}

// Enter returns the entry of a process, which is made if there is none: the
// event of its fork was lost. Update must follow.
func (t *Table) Enter(pid int32) *Process {
	if p := t.processes[pid]; p != nil {
		return p
	}
	return t.add(pid)
}

// Update has a process counted in the series that it belongs to after a change.
func (t *Table) Update(p *Process, at uint64) {
	s := t.set.Get(p.Key())
	if s == p.series {
		return
	}
	// It leaves first, so that a new name can have the place of the old one.
	if p.series != nil {
		t.set.Leave(p.series, at)
	}
	p.series = t.set.Enter(s, at)
}

// KeepArguments keeps the arguments of the program that a process runs, as far
// as there is memory for that. They are copied; none drops those from before.
func (t *Table) KeepArguments(p *Process, arguments []byte) { t.lines.keep(p, arguments) }

// Exit removes a process, if it is there.
func (t *Table) Exit(pid int32, at uint64) {
	if p := t.processes[pid]; p != nil {
		t.remove(p, at)
	}
}

func (t *Table) add(pid int32) *Process {
	var p *Process
	if n := len(t.spare); n > 0 {
		p, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		p = new(Process)
	}
	t.serial++
	p.PID, p.serial = pid, t.serial
	t.processes[pid] = p
	return p
}

func (t *Table) remove(p *Process, at uint64) {
	delete(t.processes, p.PID)
	t.discard(p, at)
}

// discard lets go of an entry that is in the table no longer.
func (t *Table) discard(p *Process, at uint64) {
	if p.series != nil {
		t.set.Leave(p.series, at)
	}
	t.lines.drop(p)
	*p = Process{}
	t.spare = append(t.spare, p)
}

// Key says in which series a process is counted.
func (p *Process) Key() Key {
	switch {
	case p.Kernel:
		return Key{Command: Kernel}
	case p.Command == "":
		return Key{Command: Unknown, UID: p.UID, UIDKnown: p.UIDKnown, Unit: p.Unit, ContainerID: p.ContainerID}
	}
	return Key{Command: p.Command, UID: p.UID, UIDKnown: p.UIDKnown, Unit: p.Unit, ContainerID: p.ContainerID}
}
