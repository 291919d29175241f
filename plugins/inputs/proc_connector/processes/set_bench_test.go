package processes

import (
	"strconv"
	"testing"
	"time"
)

// What it costs to count a program that starts and ends, in a set with room for
// all commands and in one that is full, where most are part of the others.
func BenchmarkSet(b *testing.B) {
	const commands = 400
	keys := make([]Key, commands)
	for i := range keys {
		keys[i] = of("command-" + strconv.Itoa(i))
	}
	for name, limit := range map[string]int{"roomy": commands, "full": commands / 4} {
		b.Run(name, func(b *testing.B) {
			s := newTestSet(limit)
			i := 0
			now := uint64(1)
			program := func() {
				i = (i + 7) % commands
				now++
				g := s.Enter(s.Get(keys[i]), now)
				s.Counts(g, now).Execs++
				s.Counts(g, now).Exits++
				s.Leave(g, now)
			}
			for range commands {
				program()
			}
			b.ReportAllocs()
			for b.Loop() {
				program()
			}
		})
	}
}

// What a gather takes from the set while events wait.
func BenchmarkSamples(b *testing.B) {
	s := NewSet(200, time.Hour, Tags{}, nil)
	for i := range 200 {
		run(s, "command-"+strconv.Itoa(i), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(s.Samples()); n != 202 {
			b.Fatal(n)
		}
	}
}
