package processes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStampIsUnique(t *testing.T) {
	start := time.Unix(1000, 0)
	var s stamp
	require.Equal(t, start, s.next(start))
	require.Equal(t, start.Add(1), s.next(start), "the same time again")
	require.Equal(t, start.Add(2), s.next(start.Add(1)), "the time that was given instead")
	require.Equal(t, start.Add(3), s.next(start.Add(-time.Millisecond)), "an event of another CPU, a little out of order")
	require.Equal(t, start.Add(time.Second), s.next(start.Add(time.Second)))
	require.Equal(t, start.Add(-time.Hour), s.next(start.Add(-time.Hour)), "the wall clock was set back")
}

// Event metrics have no tags but the command, so that the times are unique
// among all series of it.
func TestStampsOfOneCommand(t *testing.T) {
	s := NewSet(2, time.Hour, Tags{User: true}, nil)
	now := time.Unix(1000, 0)
	groups := make([]*Series, 4)
	for i := range groups {
		groups[i] = s.Enter(s.Get(Key{Command: "sh", UID: uint32(i), UIDKnown: true}), 1)
	}
	seen := make(map[string]bool)
	for _, g := range groups {
		for _, give := range []func(*Series, time.Time) (string, time.Time){s.Exec, s.Exec} {
			command, at := give(g, now)
			point := command + at.String()
			require.False(t, seen[point], point)
			seen[point] = true
		}
	}
	command, at := s.Exit(groups[0], now)
	require.Equal(t, "sh", command)
	require.Equal(t, now, at, "exits are another measurement")
	command, _ = s.Exec(groups[3], now)
	require.Equal(t, Other, command, "it has no place")

	// Nothing is left of a command that has no places.
	for _, g := range groups {
		s.Leave(g, 2)
	}
	for _, command := range []string{"a", "b"} {
		s.Enter(s.Get(Key{Command: command}), 2*uint64(time.Hour))
	}
	require.Len(t, s.stamps, 2)
	require.NotContains(t, s.stamps, "sh")
}
