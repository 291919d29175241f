package processes

// Commands with a meaning of their own.
const (
	Other   = "_other"   // all that have no series of their own
	Kernel  = "_kernel"  // kernel threads
	Unknown = "_unknown" // ended before its name could be read, or has an empty one
)

// A Key says whose processes a series counts. A Set leaves out what its Tags do
// not ask for.
type Key struct {
	Command     string
	UID         uint32
	UIDKnown    bool
	Unit        string
	ContainerID string
}

// Tags says by what the processes of one command are told apart.
type Tags struct {
	User, Unit, Container bool
}

// mask leaves out what is not asked for.
func (t Tags) mask(k Key) Key {
	if !t.User {
		k.UID, k.UIDKnown = 0, false
	}
	if !t.Unit {
		k.Unit = ""
	}
	if !t.Container {
		k.ContainerID = ""
	}
	return k
}

// Counts are cumulative.
type Counts struct {
	Execs         uint64
	Exits         uint64
	ExitsFailed   uint64
	ExitsSignaled uint64
	Coredumps     uint64
	// Runtime is the sum of the lifetimes of the processes that ended, in
	// seconds. As an integer of nanoseconds it would overflow after 584 years,
	// which a machine with some hundred processes sees in a year or two.
	Runtime float64
}

// Add adds other counts.
func (c *Counts) Add(o *Counts) {
	c.Execs += o.Execs
	c.Exits += o.Exits
	c.ExitsFailed += o.ExitsFailed
	c.ExitsSignaled += o.ExitsSignaled
	c.Coredumps += o.Coredumps
	c.Runtime += o.Runtime
}

// A Series is what the processes of one Key have in common. One that has no place
// of its own counts into that of Other.
type Series struct {
	key      Key
	selected bool
	placed   bool // counts are its own and not Other's
	listed   bool // the Set knows it by its key
	counts   Counts
	running  uint64
	stamps   *stamps // while placed

	// used is when a series without a running process, in nanoseconds of
	// CLOCK_MONOTONIC, was last heard of; next and prev are its neighbours in
	// the list of such series. Both only while placed.
	used       uint64
	prev, next *Series
}

// Selected reports whether the command is one that the user wants to see by
// itself.
func (g *Series) Selected() bool { return g.selected }
