package processes

import "time"

// A Set holds the series of a machine: at most a number of them have a place of
// their own, beside Other and Kernel, which always have. Those that have none
// are remembered only as long as they have running processes. It is not safe for
// concurrent use.
//
// Times are in nanoseconds of CLOCK_MONOTONIC.
type Set struct {
	tags     Tags
	selected func(command string) bool
	max      int
	expiry   uint64

	byKey  map[Key]*Series
	placed int                // without Other and Kernel
	stamps map[string]*stamps // of commands, while one of their series is placed
	other  Series             // running: that of all series without a place
	kernel Series
	idle   list // placed series without running processes: those that are empty, then the longest idle first
}

// NewSet returns a Set with at most limit places. A series without running
// processes can lose its place when another needs one, once it was not used for
// the time of expiry; one that has counted nothing either loses it at once. Commands that are not selected get none; nil selects all.
func NewSet(limit int, expiry time.Duration, tags Tags, selected func(command string) bool) *Set {
	if selected == nil {
		selected = func(string) bool { return true }
	}
	s := &Set{
		tags:     tags,
		selected: selected,
		max:      limit,
		expiry:   uint64(expiry),
		byKey:    make(map[Key]*Series),
		stamps:   make(map[string]*stamps),
	}
	s.other = Series{key: Key{Command: Other}, placed: true, listed: true, stamps: new(stamps)}
	kernel := selected(Kernel)
	s.kernel = Series{key: Key{Command: Kernel}, selected: kernel, placed: kernel, listed: true, stamps: new(stamps)}
	return s
}

// Get returns the series of a key. It costs no memory until a process is
// entered.
func (s *Set) Get(key Key) *Series {
	if key.Command == Kernel {
		return &s.kernel
	}
	key = s.tags.mask(key)
	if g, ok := s.byKey[key]; ok {
		return g
	}
	return &Series{key: key, selected: s.selected(key.Command)}
}

// Enter counts a process as running, and returns the series that it is to leave
// when it runs no longer.
func (s *Set) Enter(g *Series, now uint64) *Series {
	g = s.current(g)
	if !g.placed {
		s.place(g, now)
	}
	s.list(g)
	if g.running == 0 && g.placed && g != &s.kernel {
		s.idle.remove(g)
	}
	g.running++
	if !g.placed {
		s.other.running++
	}
	return g
}

// Leave takes back Enter.
func (s *Set) Leave(g *Series, now uint64) {
	g.running--
	switch {
	case g.placed && g.running == 0 && g != &s.kernel:
		g.used = now
		if g.empty() {
			// A name that a process had for a while, such as that of a worker which
			// shows its job there: the next one to need a place has this one.
			s.idle.pushFirst(g)
		} else {
			s.idle.push(g)
		}
	case !g.placed:
		s.other.running--
		if g.running == 0 && g != &s.kernel {
			s.forget(g)
		}
	}
}

// Counts returns the counts that are to be raised for a series.
func (s *Set) Counts(g *Series, now uint64) *Counts { return &s.counting(g, now).counts }

// counting returns the series that counts for a series: itself, if it has a
// place or can get one.
func (s *Set) counting(g *Series, now uint64) *Series {
	g = s.current(g)
	if !g.placed && !s.place(g, now) {
		return &s.other
	}
	if g.running == 0 && g != &s.kernel {
		g.used = now
		s.idle.remove(g)
		s.idle.push(g)
	}
	return g
}

// current returns the series that is known by the key of one that may have been
// forgotten meanwhile.
func (s *Set) current(g *Series) *Series {
	if !g.listed {
		if known, ok := s.byKey[g.key]; ok {
			return known
		}
	}
	return g
}

// place gives a series a place of its own, if there is one.
func (s *Set) place(g *Series, now uint64) bool {
	if !g.selected {
		return false
	}
	if s.placed >= s.max {
		oldest := s.idle.first
		if oldest == nil || !oldest.empty() && now < oldest.used+s.expiry {
			return false
		}
		s.free(oldest)
	}
	g.placed = true
	s.placed++
	s.list(g)
	g.stamps = s.stamps[g.key.Command]
	if g.stamps == nil {
		g.stamps = new(stamps)
		s.stamps[g.key.Command] = g.stamps
	}
	g.stamps.users++
	s.other.running -= g.running
	if g.running == 0 {
		g.used = now
		s.idle.push(g)
	}
	return true
}

// free takes the place of an idle series. What it has counted goes on to be
// part of the sums.
func (s *Set) free(g *Series) {
	s.other.counts.Add(&g.counts)
	s.idle.remove(g)
	g.counts, g.placed = Counts{}, false
	s.placed--
	if g.stamps.users--; g.stamps.users == 0 {
		delete(s.stamps, g.key.Command)
	}
	g.stamps = nil
	s.forget(g)
}

func (s *Set) list(g *Series) {
	if !g.listed {
		g.listed = true
		s.byKey[g.key] = g
	}
}

func (s *Set) forget(g *Series) {
	g.listed = false
	delete(s.byKey, g.key)
}

// A Sample is a series at one moment.
type Sample struct {
	Key     Key
	Counts  Counts
	Running uint64
}

// empty reports whether a series has nothing to show. It then keeps its place only
// until another needs it.
func (g *Series) empty() bool { return g.running == 0 && g.counts == (Counts{}) }

// Samples returns all series that have a place of their own and something to show,
// and Other and Kernel.
func (s *Set) Samples() []Sample {
	samples := make([]Sample, 0, s.placed+2)
	samples = append(samples, s.other.sample())
	if s.kernel.placed {
		samples = append(samples, s.kernel.sample())
	}
	for _, g := range s.byKey {
		if g.placed && !g.empty() {
			samples = append(samples, g.sample())
		}
	}
	return samples
}

func (g *Series) sample() Sample { return Sample{Key: g.key, Counts: g.counts, Running: g.running} }
