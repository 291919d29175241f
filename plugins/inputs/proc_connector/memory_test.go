//go:build linux && !race

package proc_connector

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// nowhere takes metrics and forgets them.
type nowhere struct {
	telegraf.Accumulator
	metrics int
}

func (n *nowhere) AddMetric(telegraf.Metric) { n.metrics++ }

// many is a detailReader for processes that are called by their number.
type many struct {
	number, names int
	line          []byte
}

func (r *many) read(_ *cnproc.Event, d *details) {
	name := "command-" + strconv.Itoa(r.number%r.names)
	r.line = append(append(r.line[:0], name...), "\x00--option\x00"...)
	*d = details{named: true, command: name, ppid: 1, cmdline: r.line, exe: "/usr/bin/" + name, cwd: "/", grouped: true, unit: name + ".service"}
}

// residentMemory is what this process holds of the machine's memory, in bytes.
func residentMemory(t *testing.T) float64 {
	t.Helper()
	debug.FreeOSMemory() // garbage is not what is measured
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, resident int
	_, err = fmt.Fscan(bytes.NewReader(statm), &size, &resident)
	require.NoError(t, err)
	return float64(resident * os.Getpagesize())
}

// However many processes have come and gone, under however many names: the
// memory that is held is that of those that live.
// (The race detector has memory of its own for each, so this is not for it.)
func TestMemoryIsBounded(t *testing.T) {
	few, names := 20_000, 10_000
	if os.Getenv("PROC_CONNECTOR_TEST_MEMORY") != "" { // make test-memory
		few, names = 100_000, 100_000
	}

	p := newPlugin(t)
	p.ExitEvents, p.CommandTags, p.EventLimit = "all", []string{"user", "unit", "container"}, 0
	require.NoError(t, p.Init())
	fs, err := procfs.Open(t.TempDir()) // where every process has ended
	require.NoError(t, err)
	acc := new(nowhere)
	e := newEmitter(acc, execFields, false, 1024)
	c := newTracker(p, fs, e)
	var now uint64
	c.clock.monotonic = func() uint64 { return now }
	reader := &many{names: names}
	c.reader = reader

	emitted := make(chan struct{})
	go func() {
		e.run()
		close(emitted)
	}()
	run := func(processes int) {
		for range processes {
			now += uint64(lookMargin) + 1
			pid := int32(300 + reader.number%32_000)
			for _, e := range []cnproc.Event{
				{What: cnproc.EventFork, Parent: task(1), Task: task(pid), Timestamp: now},
				{What: cnproc.EventExec, Task: task(pid), Timestamp: now},
				{What: cnproc.EventExit, Task: task(pid), Timestamp: now},
			} {
				c.take(&e)
			}
			c.emptied(false, now)
			e.flush()
			reader.number++
			if reader.number%10_000 == 0 {
				c.snapshot() // as at a gather
			}
		}
		// What still waits to be emitted is not what is measured either.
		require.Eventually(t, func() bool { return e.count.Load() == 0 }, time.Minute, time.Millisecond)
	}

	run(few)
	before := residentMemory(t)
	run(9 * few)
	after := residentMemory(t)
	t.Logf("%.1f MiB after %d processes, %.1f MiB after %d, with %d names", before/(1<<20), few, after/(1<<20), 10*few, names)
	require.InEpsilon(t, before, after, 0.1)

	c.finish()
	require.NoError(t, fs.Close())
	e.close()
	<-emitted
	require.EqualValues(t, 10*few, c.snapshot().counters.Exits)
	require.EqualValues(t, 20*few, acc.metrics+int(e.dropped.Load()))
	require.LessOrEqual(t, len(c.snapshot().series), p.MaxCommands+2)
	requireSums(t, c)
}
