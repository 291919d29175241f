//go:build linux

package proc_connector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

func TestSignalName(t *testing.T) {
	for number, want := range map[int]string{
		9: "SIGKILL", 11: "SIGSEGV", 31: "SIGSYS", 32: "SIG32", 34: "SIGRTMIN", 35: "SIGRTMIN+1", 64: "SIGRTMIN+30", 127: "SIGRTMIN+93",
	} {
		require.Equal(t, want, signalName(number))
	}
}

func TestExitChoice(t *testing.T) {
	for choice, want := range map[exitChoice][3]bool{exitNone: {}, exitFailed: {false, true, true}, exitAll: {true, true, true}} {
		for i, status := range []cnproc.ExitStatus{0, 0x100, 9} {
			require.Equal(t, want[i], choice.wants(status), "%s %#x", choice, status)
		}
	}
}

func TestRuntime(t *testing.T) {
	e := ending{at: 3e9, end: 5e9, process: processes.Process{Start: 1e9}}
	runtime, ok := e.runtime()
	require.True(t, ok)
	require.InDelta(t, 4.0, runtime, 0)
	e.process.Start = 6e9 // of another CPU
	runtime, ok = e.runtime()
	require.True(t, ok)
	require.Zero(t, runtime)
	e.process.Start = 0
	_, ok = e.runtime()
	require.False(t, ok)
}

// A process that outlives its first thread ends when its last one is found gone.
func TestRuntimeOfThreads(t *testing.T) {
	m := newMachine(t, 1)
	c := tracking(t, m, nil)
	p := m.alive[3]
	exit := func(delay uint64) {
		m.now += delay
		m.settle(c)
	}
	p.leaderGone = true
	m.show(p)
	m.report(cnproc.Event{What: cnproc.EventExit, Task: task(3), ExitStatus: 0x100})
	first := m.now
	exit(tick)
	exit(100 * tick)
	require.Zero(t, c.snapshot().counters.Exits)
	m.end(p, 0x100)
	exit(tick)
	require.EqualValues(t, 1, c.snapshot().counters.Exits)
	for _, sample := range c.snapshot().series {
		if sample.Key.Command == "sh" {
			require.InDelta(t, float64(first+102*tick-500*tick)/1e9, sample.Counts.Runtime, 0.002)
		}
	}
}
