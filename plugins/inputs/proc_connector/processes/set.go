package processes

import (
	"container/list"
	"time"
)

// A Set holds the series of a machine. A bounded number of them have a place, beside Other
// and Kernel, which always have; what the others count is counted in Other. It is not safe
// for concurrent use. Times are in nanoseconds of CLOCK_MONOTONIC.
type Set struct {
	tags     Tags
	selected func(command string) bool
	max      int
	expiry   uint64

	byKey  map[Key]*Series    // all that have a place or running processes
	stamps map[string]*stamps // of the commands of those that have a place
	other  *Series

	// places are in the order in which series lose them: first those that have counted
	// nothing, then the longest idle. Behind busy, which is no place, are those that have
	// running processes and keep theirs.
	places *list.List
	busy   *list.Element
}

// NewSet returns a Set with at most limit places. When one is needed, a series without
// running processes loses its own that was not used for the time of expiry, or has counted
// nothing. Commands that are not selected get none; nil selects all.
func NewSet(limit int, expiry time.Duration, tags Tags, selected func(command string) bool) *Set {
	s := &Set{
		tags:     tags,
		selected: selected,
		max:      limit,
		expiry:   uint64(expiry),
		byKey:    make(map[Key]*Series),
		stamps:   make(map[string]*stamps),
		places:   list.New(),
	}
	if selected == nil {
		s.selected = func(string) bool { return true }
	}
	s.busy = s.places.PushBack(nil)
	s.other = keeping(Other)
	if kernel := keeping(Kernel); s.selected(Kernel) {
		s.byKey[kernel.key] = kernel
	}
	return s
}

// keeping returns a series with a place that it never loses.
func keeping(command string) *Series {
	return &Series{key: Key{Command: command}, selected: true, stamps: new(stamps), place: new(list.Element)}
}

// Get returns the series of a key. It costs no memory until a process is entered.
func (s *Set) Get(key Key) *Series {
	key = s.tags.mask(key)
	if g, ok := s.byKey[key]; ok {
		return g
	}
	return &Series{key: key, selected: s.selected(key.Command)}
}

// Enter counts a process as running, and returns the series that it is to leave.
func (s *Set) Enter(g *Series, now uint64) *Series {
	g = s.current(g)
	placed := s.place(g, now)
	switch {
	case g.running > 0:
	case placed:
		s.places.MoveToBack(g.place)
	default:
		s.byKey[g.key] = g
	}
	g.running++
	return g
}

// Leave takes back Enter.
func (s *Set) Leave(g *Series, now uint64) {
	g.running--
	switch {
	case g.running > 0:
	case !g.placed():
		delete(s.byKey, g.key)
	case g.empty():
		// A name that a process had for a while, such as that of a worker which shows its
		// job there: the next one to need a place has this one.
		s.places.MoveToFront(g.place)
	default:
		s.rest(g, now)
	}
}

// Counts returns the counts to raise for a series: its own, if it has or gets a place.
func (s *Set) Counts(g *Series, now uint64) *Counts {
	g = s.current(g)
	if !s.place(g, now) {
		return &s.other.counts
	}
	if g.running == 0 {
		s.rest(g, now)
	}
	return &g.counts
}

// current returns the series that has taken the place of one that was forgotten.
func (s *Set) current(g *Series) *Series {
	if !g.placed() && g.running == 0 {
		if known, ok := s.byKey[g.key]; ok {
			return known
		}
	}
	return g
}

// rest makes a series the last of the idle ones to lose its place.
func (s *Set) rest(g *Series, now uint64) {
	g.used = now
	s.places.MoveBefore(g.place, s.busy)
}

// place reports whether a series has a place, and gives it one if there is one.
func (s *Set) place(g *Series, now uint64) bool {
	if g.placed() || !g.selected {
		return g.placed()
	}
	if s.places.Len() > s.max { // one is busy
		oldest, idle := s.places.Front().Value.(*Series)
		if !idle || !oldest.empty() && now < oldest.used+s.expiry {
			return false
		}
		s.free(oldest)
	}
	g.stamps = s.stamps[g.key.Command]
	if g.stamps == nil {
		g.stamps = new(stamps)
		s.stamps[g.key.Command] = g.stamps
	}
	g.stamps.users++
	g.place = s.places.PushBack(g)
	s.byKey[g.key] = g
	return true
}

// free takes the place of an idle series. What it has counted stays part of the sums.
func (s *Set) free(g *Series) {
	s.other.counts.Add(&g.counts)
	s.places.Remove(g.place)
	delete(s.byKey, g.key)
	if g.stamps.users--; g.stamps.users == 0 {
		delete(s.stamps, g.key.Command)
	}
	g.counts, g.stamps, g.place = Counts{}, nil, nil
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

// shown returns the series whose command is shown: event metrics have no more than series.
func (s *Set) shown(g *Series) *Series {
	if g = s.current(g); g.placed() {
		return g
	}
	return s.other
}

// A Sample is a series at one moment.
type Sample struct {
	Key     Key
	Counts  Counts
	Running uint64
}

// Samples returns all series that have a place and something to show, Other and Kernel.
func (s *Set) Samples() []Sample {
	samples := make([]Sample, 0, s.places.Len()+1)
	other := Sample{Key: s.other.key, Counts: s.other.counts}
	for _, g := range s.byKey {
		switch {
		case !g.placed():
			other.Running += g.running
		case !g.empty(), g.key.Command == Kernel:
			samples = append(samples, Sample{Key: g.key, Counts: g.counts, Running: g.running})
		}
	}
	return append(samples, other)
}
