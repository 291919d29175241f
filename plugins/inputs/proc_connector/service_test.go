//go:build linux

package proc_connector

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A process can keep those waiting that read its memory, here as a pipe that nobody
// writes to. Neither a gather nor a stop waits for long, and both say why.
func TestReaderIsKeptWaiting(t *testing.T) {
	p := newPlugin(t)
	log := &testutil.CaptureLogger{}
	p.Log = log
	r := newReplay(t, p, "testcases/pipeline/proc", []cnproc.Event{{What: cnproc.EventExec, Task: task(202), Timestamp: 1}}, false)
	line := filepath.Join(r.proc, "202", "cmdline")
	require.NoError(t, os.Remove(line))
	require.NoError(t, unix.Mkfifo(line, 0o600))
	p.host.patience = 20 * time.Millisecond
	require.NoError(t, p.Init())
	var acc testutil.Accumulator
	require.NoError(t, p.Start(&acc))
	s := p.service
	require.ErrorIs(t, p.Gather(&acc), errStuck)
	require.True(t, acc.HasMeasurement("proc_connector_listener"))
	p.Stop()
	require.True(t, r.ended.Load(), "IGNORE was sent")
	require.Contains(t, log.LastError(), errStuck.Error())

	// It lets them go.
	writer, err := os.OpenFile(line, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, os.Remove(line))
	require.NoError(t, writer.Close())
	<-s.received
}

// No event tells the end of a process that has lost its first thread: a gather looks, and
// counts what it finds.
func TestGatherLooksForEnds(t *testing.T) {
	p := newPlugin(t)
	r := newReplay(t, p, "testcases/pipeline/proc", []cnproc.Event{
		{What: cnproc.EventFork, Parent: task(100), Task: task(300), Timestamp: 1e9},
		{What: cnproc.EventExit, Task: task(300), Timestamp: 2e9, ExitStatus: 0x100},
	}, true)
	dir := filepath.Join(r.proc, "300")
	require.NoError(t, os.Mkdir(dir, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte("300 (x) Z 100 1 1 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 2 0 100 0 0\n"), 0o600))
	require.NoError(t, p.Init())
	require.NoError(t, p.Start(new(testutil.Accumulator)))
	defer p.Stop()
	for _, ended := range []uint64{0, 1} {
		var acc testutil.Accumulator
		require.NoError(t, p.Gather(&acc))
		m, ok := acc.Get("proc_connector")
		require.True(t, ok)
		require.Equal(t, ended, m.Fields["exits"])
		require.Equal(t, ended, m.Fields["exits_failed"])
		require.NoError(t, os.RemoveAll(dir))
	}
}

// The receiver sleeps only while threads that go before all others read what is executed.
func TestWindow(t *testing.T) {
	for _, tt := range []struct {
		catching   bool
		scheduling catcher.Scheduling
		want       time.Duration
	}{{true, catcher.Realtime, window}, {true, catcher.Nice, 0}, {true, catcher.Normal, 0}, {false, "", 0}} {
		p := newPlugin(t)
		r := newReplay(t, p, "testcases/pipeline/proc", nil, tt.catching)
		r.report.Scheduling = tt.scheduling
		require.NoError(t, p.Init())
		require.NoError(t, p.Start(new(testutil.Accumulator)))
		p.Stop()
		require.Equal(t, tt.want, r.window, "%v", tt)
	}
}

// What panics while it works gives the count back first.
func TestPanicIgnores(t *testing.T) {
	p := newPlugin(t)
	r := newReplay(t, p, "testcases/pipeline/proc", nil, true)
	require.NoError(t, p.Init())
	require.NoError(t, p.Start(new(testutil.Accumulator)))
	defer p.Stop()
	require.Panics(t, func() { p.service.guard(func() { panic("trouble") }) })
	require.True(t, r.ended.Load())
}
