package processes

import "time"

// A Stamp gives the event metrics of one series, in the sense of a database,
// their times.
type stamp struct {
	last time.Time
}

// next returns the time for the next event metric: t, or the next nanosecond
// where an earlier one has it already, because a database takes two points of
// one series and time for one. A wall clock that was set back is followed.
func (s *stamp) next(t time.Time) time.Time {
	if behind := s.last.Sub(t); behind >= 0 && behind < time.Second {
		t = s.last.Add(time.Nanosecond)
	}
	s.last = t
	return t
}

// stamps are those of one value of the tag command: the other tags of Set are
// none of event metrics.
type stamps struct {
	exec, exit stamp
	users      int // placed series of the command
}

// Exec returns the tag and the time of an event metric of an exec at t.
func (s *Set) Exec(g *Series, t time.Time) (command string, at time.Time) {
	g = s.shown(g)
	return g.key.Command, g.stamps.exec.next(t)
}

// Exit is Exec for the end of a process.
func (s *Set) Exit(g *Series, t time.Time) (command string, at time.Time) {
	g = s.shown(g)
	return g.key.Command, g.stamps.exit.next(t)
}

// shown returns the series whose name is to be seen, so that event metrics have
// no more commands than there are series.
func (s *Set) shown(g *Series) *Series {
	if g = s.current(g); g.placed {
		return g
	}
	return &s.other
}
