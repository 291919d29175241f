package processes

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const hour = uint64(time.Hour)

func newTestSet(limit int) *Set { return NewSet(limit, time.Hour, Tags{}, nil) }

func of(command string) Key { return Key{Command: command} }

// run has a process of a command run and end.
func run(s *Set, command string, now uint64) {
	g := s.Enter(s.Get(of(command)), now)
	s.Counts(g, now).Execs++
	s.Counts(g, now).Exits++
	s.Leave(g, now)
}

func sample(t *testing.T, s *Set, command string) Sample {
	t.Helper()
	for _, sample := range s.Samples() {
		if sample.Key.Command == command {
			return sample
		}
	}
	require.Fail(t, "no series", command)
	return Sample{}
}

func commands(s *Set) []string {
	samples := s.Samples()
	names := make([]string, 0, len(samples))
	for _, sample := range samples {
		names = append(names, sample.Key.Command)
	}
	return names
}

func TestCap(t *testing.T) {
	s := newTestSet(3)
	for i := range 5 {
		run(s, strconv.Itoa(i), 1)
	}
	require.ElementsMatch(t, []string{Other, Kernel, "0", "1", "2"}, commands(s))
	require.Equal(t, Counts{Execs: 2, Exits: 2}, sample(t, s, Other).Counts)
	require.Len(t, s.byKey, 3+1, "nothing is kept of those that have no place; one is Kernel")

	run(s, "1", hour/2)
	run(s, "5", hour)
	require.ElementsMatch(t, []string{Other, Kernel, "0", "1", "2"}, commands(s), "not idle for long enough")
	require.EqualValues(t, 3, sample(t, s, Other).Counts.Execs)

	// 0 and 2 are idle since 1: each gives way to one that needs its place.
	run(s, "6", hour+1)
	require.ElementsMatch(t, []string{Other, Kernel, "1", "2", "6"}, commands(s))
	run(s, "7", hour+1)
	run(s, "8", hour+1)
	require.ElementsMatch(t, []string{Other, Kernel, "1", "6", "7"}, commands(s))
	require.EqualValues(t, 6, sample(t, s, Other).Counts.Execs, "what they had counted is part of it: 3, 2 and 1")

	run(s, "0", 3*hour)
	require.EqualValues(t, 1, sample(t, s, "0").Counts.Execs, "it begins anew")
}

func TestRunningKeepsItsPlace(t *testing.T) {
	s := newTestSet(1)
	daemon := s.Enter(s.Get(of("daemon")), 1)
	run(s, "other", 5*hour)
	require.Zero(t, sample(t, s, "daemon").Counts.Execs)
	require.EqualValues(t, 1, sample(t, s, "daemon").Running)
	require.EqualValues(t, 1, sample(t, s, Other).Counts.Execs)

	s.Counts(daemon, 6*hour).Exits++
	s.Leave(daemon, 6*hour)
	run(s, "other", 7*hour-1)
	require.EqualValues(t, 2, sample(t, s, Other).Counts.Execs)
	run(s, "other", 7*hour)
	require.EqualValues(t, 1, sample(t, s, "other").Counts.Execs)
}

// A process that takes one name after the other uses up no places, except by what
// it has done under a name.
func TestPassingNames(t *testing.T) {
	s := newTestSet(2)
	run(s, "daemon", 1)
	for i := range 10 {
		g := s.Enter(s.Get(of("job-"+strconv.Itoa(i))), 2)
		require.ElementsMatch(t, []string{Other, Kernel, "daemon", "job-" + strconv.Itoa(i)}, commands(s))
		if i == 9 {
			s.Counts(g, 2).Coredumps++
		}
		s.Leave(g, 2)
	}
	require.ElementsMatch(t, []string{Other, Kernel, "daemon", "job-9"}, commands(s))
	require.Len(t, s.byKey, 2+1, "nothing is kept of the others; one is Kernel")
	require.Len(t, s.stamps, 2)
	require.Zero(t, sample(t, s, Other).Running)

	// What is counted for one that has no place any more is counted all the same.
	gone := s.Get(of("job-1"))
	s.Counts(s.Enter(gone, 3), 3).Execs++
	s.Leave(gone, 3)
	require.Equal(t, Counts{Execs: 1}, sample(t, s, Other).Counts)

	// Two processes of a command leave one after the other.
	s = newTestSet(1)
	a := s.Enter(s.Get(of("pair")), 1)
	b := s.Enter(s.Get(of("pair")), 1)
	s.Leave(a, 2)
	require.EqualValues(t, 1, sample(t, s, "pair").Running)
	s.Leave(b, 2)
	require.ElementsMatch(t, []string{Other, Kernel}, commands(s))

	// One that comes back is the same, and what it counts then keeps its place.
	a = s.Enter(s.Get(of("pair")), 3)
	s.Counts(a, 3).Exits++
	s.Leave(a, 3)
	run(s, "other", 4)
	require.ElementsMatch(t, []string{Other, Kernel, "pair"}, commands(s))
}

// To take names in turn costs no memory.
func TestPassingNamesDoNotAllocate(t *testing.T) {
	s := newTestSet(3)
	keys := []Key{of("a"), of("b"), of("c")}
	turn := func() {
		for _, key := range keys {
			s.Leave(s.Enter(s.Get(key), 1), 1)
		}
	}
	turn()
	require.Zero(t, testing.AllocsPerRun(100, turn))
}

// Processes of a command without a place move to the one that it gets.
func TestRunningMoves(t *testing.T) {
	s := newTestSet(1)
	run(s, "first", 1)
	a := s.Enter(s.Get(of("second")), 2)
	b := s.Enter(s.Get(of("second")), 2)
	require.Same(t, a, b)
	require.EqualValues(t, 2, sample(t, s, Other).Running)
	s.Counts(a, 3).Execs++

	c := s.Enter(s.Get(of("second")), 2*hour)
	require.Same(t, a, c)
	require.EqualValues(t, 3, sample(t, s, "second").Running)
	require.Zero(t, sample(t, s, Other).Running)
	require.Zero(t, sample(t, s, "second").Counts.Execs, "those of before stay where they were counted")
	require.EqualValues(t, 2, sample(t, s, Other).Counts.Execs)
}

// Who holds a series that was forgotten counts into the one that took its place.
func TestForgottenSeries(t *testing.T) {
	s := newTestSet(1)
	run(s, "first", 1)
	old := s.Enter(s.Get(of("second")), 2)
	s.Leave(old, 2)
	require.NotSame(t, old, s.Get(of("second")), "forgotten with its last process")
	s.Counts(old, 3).Exits++
	require.EqualValues(t, 1, sample(t, s, Other).Counts.Exits)

	run(s, "second", 2*hour)
	s.Counts(old, 2*hour).Exits++
	require.EqualValues(t, 2, sample(t, s, "second").Counts.Exits)
	require.Equal(t, "second", firstOf(s.Exec(old, time.Now())))

	// One that has lost its place may still be held.
	freed := s.Get(of("second"))
	run(s, "third", 4*hour)
	s.Counts(freed, 4*hour).Exits++
	require.EqualValues(t, 1+1+2+1, sample(t, s, Other).Counts.Exits, "that of old, of first, those of second, and this one")
	require.ElementsMatch(t, []string{Other, Kernel, "third"}, commands(s))
}

func firstOf(command string, _ time.Time) string { return command }

func TestSelection(t *testing.T) {
	s := NewSet(10, time.Hour, Tags{}, func(command string) bool { return command == "wanted" })
	run(s, "wanted", 1)
	run(s, "unwanted", 1)
	run(s, Kernel, 1)
	require.ElementsMatch(t, []string{Other, "wanted"}, commands(s))
	require.EqualValues(t, 2, sample(t, s, Other).Counts.Execs)
	require.False(t, s.Get(of("unwanted")).Selected())
	require.True(t, s.Get(of("wanted")).Selected())
}

func TestKernelNeedsNoPlace(t *testing.T) {
	s := newTestSet(1)
	run(s, Kernel, 1)
	run(s, "a", 1)
	run(s, Kernel, 3*hour)
	run(s, "b", 3*hour)
	require.ElementsMatch(t, []string{Other, Kernel, "b"}, commands(s))
	require.EqualValues(t, 2, sample(t, s, Kernel).Counts.Execs)
}

func TestTags(t *testing.T) {
	key := Key{Command: "sh", UID: 1000, UIDKnown: true, Unit: "cron.service", ContainerID: "abc"}
	for tags, want := range map[Tags]Key{
		{}:                {Command: "sh"},
		{User: true}:      {Command: "sh", UID: 1000, UIDKnown: true},
		{Unit: true}:      {Command: "sh", Unit: "cron.service"},
		{Container: true}: {Command: "sh", ContainerID: "abc"},
		{User: true, Unit: true, Container: true}: key,
	} {
		s := NewSet(1, time.Hour, tags, nil)
		require.Equal(t, want, s.Get(key).key)
	}
	// Each combination takes a place.
	s := NewSet(1, time.Hour, Tags{User: true}, nil)
	s.Enter(s.Get(key), 1)
	key.UID = 1001
	s.Enter(s.Get(key), 1)
	require.Len(t, s.Samples(), 3)
	require.EqualValues(t, 1, sample(t, s, Other).Running)
}
