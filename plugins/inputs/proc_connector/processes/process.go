package processes

// A Process is one entry of a Table.
type Process struct {
	PID int32
	// PPID is the parent's id, 0 if it is not known.
	PPID int32
	// UID is the real user id, if UIDKnown.
	UID      uint32
	UIDKnown bool
	// Kernel marks a kernel thread.
	Kernel bool
	// Start is when it began, in nanoseconds of CLOCK_MONOTONIC; 0 if that is
	// not known. Of one that was found in /proc it is up to a clock tick (10 ms)
	// too early, unless its fork was reported.
	Start uint64
	// Command is the name by which the process is counted and shown; empty if
	// it is not known. Guessed says that it may be a later name of it.
	Command     string
	Guessed     bool
	Unit        string
	ContainerID string

	// series counts the process as running.
	series *Series
	line   *line

	// serial tells the process from an earlier one with the same id, and parent
	// is its parent's.
	serial, parent uint64
	// scanned is the time before which /proc was read: what an earlier event
	// says of the process is in here already.
	scanned uint64
}

// Series is where the process is counted.
func (p *Process) Series() *Series { return p.series }

// Serial tells the process from an earlier one with the same id. It is never 0.
func (p *Process) Serial() uint64 { return p.serial }

// Outdated reports whether an event is of no news about the process because it
// was read from /proc later.
func (p *Process) Outdated(timestamp uint64) bool { return timestamp < p.scanned }

// ReadAt says that the process is described by what was read of it at a time. That
// may have been before /proc was read for the table, as a catcher reads at once:
// then what events from in between say is news again.
func (p *Process) ReadAt(timestamp uint64) { p.scanned = min(p.scanned, timestamp) }

// Arguments are what KeepArguments has kept.
func (p *Process) Arguments() string {
	if p.line == nil {
		return ""
	}
	return p.line.text
}

// A line is the arguments of a program, shared by all processes that were forked
// from the one that executed it.
type line struct {
	text  string
	users int
}

// maxLines bounds the memory that kept arguments take, in bytes. Beyond it those
// of new programs are not kept.
const maxLines = 16 << 20

// lines keeps account of them.
type lines struct{ bytes int }

// keep gives a process other arguments. The text is copied.
func (l *lines) keep(p *Process, text []byte) {
	l.drop(p)
	if len(text) > 0 && l.bytes+len(text) <= maxLines {
		p.line = &line{text: string(text), users: 1}
		l.bytes += len(text)
	}
}

func (*lines) share(p *Process) {
	if p.line != nil {
		p.line.users++
	}
}

func (l *lines) drop(p *Process) {
	if p.line == nil {
		return
	}
	if p.line.users--; p.line.users == 0 {
		l.bytes -= len(p.line.text)
	}
	p.line = nil
}
