package processes

import (
	"container/list"
	"time"
)

// Commands with a meaning of their own.
const (
	Other   = "_other"   // all that have no series of their own
	Kernel  = "_kernel"  // kernel threads
	Unknown = "_unknown" // ended before its name could be read, or has an empty one
)

// A Key says whose processes a series counts. A Set leaves out what its Tags do not ask for.
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
	// Runtime sums up the lifetimes of the processes that ended, in seconds. Nanoseconds would
	// overflow after 584 years, which some hundred processes take a year or two for.
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

// A Series is what the processes of one Key have in common.
type Series struct {
	key      Key
	selected bool
	counts   Counts
	running  uint64

	stamps *stamps       // of its command; nil for a series without a place
	place  *list.Element // in Set.places; of Other and Kernel in no list, so that it is never moved
	used   uint64        // when it was last heard of while no process was running
}

// Selected reports whether the command is one that the user wants to see by itself.
func (g *Series) Selected() bool { return g.selected }

func (g *Series) placed() bool { return g.stamps != nil }

// empty reports whether a series has nothing to show.
func (g *Series) empty() bool { return g.running == 0 && g.counts == (Counts{}) }

// stamps are of one command: the other tags of a Set are none of event metrics.
type stamps struct {
	exec, exit stamp
	users      int // series of the command that have a place
}

// A stamp is the time of the last event metric of one measurement.
type stamp struct{ last time.Time }

// next returns the time for the next event metric: t, or the next nanosecond where an
// earlier one has it already, because a database takes two points of one series and time
// for one. A wall clock that was set back is followed.
func (s *stamp) next(t time.Time) time.Time {
	at := t
	if behind := s.last.Sub(t); behind >= 0 && behind < time.Second {
		at = s.last.Add(time.Nanosecond)
	}
	s.last = at
	return at
}
