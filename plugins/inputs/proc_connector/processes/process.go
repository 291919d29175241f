package processes

// A Process is one entry of a Table.
type Process struct {
	PID     int32
	PPID    int32 // 0 if it is not known
	Key           // Command is empty if it is not known
	Guessed bool  // Command may be a later name of the process
	Kernel  bool  // a kernel thread
	// Start is when it began, in nanoseconds of CLOCK_MONOTONIC; 0 if that is not known. Of
	// one that was found in /proc it is up to a clock tick (10 ms) too early, unless its
	// fork was reported.
	Start uint64

	series *Series // counts it as running
	line   *line
	serial uint64
	parent uint64 // serial of its parent
	// scanned is the time before which /proc was read: what an earlier event says of the
	// process is in here already.
	scanned uint64
}

// A line is the arguments of a program, shared by all that were forked from its process.
type line struct {
	text  string
	users int
}

// Series is where the process is counted.
func (p *Process) Series() *Series { return p.series }

// Serial tells the process from an earlier one with the same id. It is never 0.
func (p *Process) Serial() uint64 { return p.serial }

// Outdated reports whether the process was read from /proc after an event.
func (p *Process) Outdated(timestamp uint64) bool { return timestamp < p.scanned }

// ReadAt says when the process was read as it is described now. For a catcher that may have
// been before the table was built: then what events from in between say is news again.
func (p *Process) ReadAt(timestamp uint64) { p.scanned = min(p.scanned, timestamp) }

// Arguments are what KeepArguments has kept.
func (p *Process) Arguments() string {
	if p.line == nil {
		return ""
	}
	return p.line.text
}

// SeriesKey says in which series the process is counted.
func (p *Process) SeriesKey() Key {
	switch {
	case p.Kernel:
		return Key{Command: Kernel}
	case p.Command == "":
		key := p.Key
		key.Command = Unknown
		return key
	}
	return p.Key
}
