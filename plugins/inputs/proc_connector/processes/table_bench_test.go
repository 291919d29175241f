package processes

import (
	"strconv"
	"testing"
	"time"
)

// What an event costs does not depend on how many processes there are, beyond
// what the processor's caches make of it.
func BenchmarkTable(b *testing.B) {
	for _, live := range []int32{1000, 100_000} {
		filled := func() *Table {
			table := NewTable(NewSet(200, time.Hour, Tags{}, nil))
			for pid := range live {
				p := table.Enter(1 + pid)
				p.Command = "command-" + strconv.Itoa(int(pid%100))
				table.Update(p, 1)
			}
			return table
		}
		// Ids in an order that no cache foresees.
		next := uint32(1)
		pid := func() int32 {
			next = next*1664525 + 1013904223
			return 1 + int32(next>>8)%live
		}
		name := strconv.Itoa(int(live))
		b.Run("fork and exit/"+name, func(b *testing.B) {
			table := filled()
			b.ReportAllocs()
			for b.Loop() {
				child := live + 1 + pid()
				table.Fork(pid(), child, 2)
				table.Exit(child, 3)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*b.N), "ns/event")
		})
		b.Run("exec/"+name, func(b *testing.B) {
			table := filled()
			b.ReportAllocs()
			for b.Loop() {
				p := table.Enter(pid())
				p.Command = "command-1"
				if next&256 != 0 {
					p.Command = "command-2"
				}
				table.Update(p, 2)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/event")
		})
	}
}
