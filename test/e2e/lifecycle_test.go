package e2e_test

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// stopLimit is what is promised of a stop.
const stopLimit = 5 * time.Second

func TestStdinEnds(t *testing.T) {
	l := listeners.Guard(t)
	p := plugin.Start(t)
	l.Require(1)

	p.CloseStdin()
	check.Exited(t, 0, p.Wait(stopLimit))
	l.Require(0)
	require.Empty(t, check.Errors(p.Stderr()))
}

func TestStopSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT} {
		t.Run(sig.String(), func(t *testing.T) {
			l := listeners.Guard(t)
			p := plugin.Start(t)
			l.Require(1)

			p.Signal(sig)
			check.Exited(t, 0, p.Wait(stopLimit))
			l.Require(0)
			require.Empty(t, check.Errors(p.Stderr()))
		})
	}
}

func TestGatherSignals(t *testing.T) {
	l := listeners.Guard(t)
	p := plugin.Start(t)
	require.Empty(t, countersOf(p), "nobody has asked")

	for i, ask := range []func(){
		p.Ask,
		func() { p.Signal(syscall.SIGHUP) },
		func() { p.Signal(syscall.SIGUSR1) },
		func() { p.Signal(syscall.SIGUSR2) },
	} {
		from := len(p.Metrics())
		ask()
		r := p.WaitReport(from)
		require.EqualValues(t, 1, plugin.Int(r.Listener, "listening"))
		require.Len(t, countersOf(p), i+1, "one report for each request")
		require.False(t, p.Ended())
		l.Require(1)
	}

	check.Exited(t, 0, p.Stop())
}

// countersOf returns the reports that the plugin has made.
func countersOf(p *plugin.Process) []int {
	var at []int
	for i, m := range p.Metrics() {
		if m.Name() == plugin.Counters {
			at = append(at, i)
		}
	}
	return at
}

func TestPollInterval(t *testing.T) {
	l := listeners.Guard(t)
	const interval, reports = 100 * time.Millisecond, 5
	began := time.Now()
	p := plugin.Start(t, plugin.Args("--poll-interval", interval.String()))
	// Without the option they would take longer than the wait.
	check.Eventually(t, "five reports", 5*time.Second, func() bool { return len(countersOf(p)) >= reports })
	// One may be late, but none is early.
	metrics := p.Metrics()
	for i, at := range countersOf(p) {
		require.GreaterOrEqual(t, metrics[at].Time(), began.Add(time.Duration(i+1)*interval-clockError))
	}

	p.CloseStdin()
	check.Exited(t, 0, p.Wait(stopLimit))
	l.Require(0)
}

// Nobody ends /dev/null, and it is what a service manager gives a program.
func TestStdinIsNull(t *testing.T) {
	l := listeners.Guard(t)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdin = null }))
	l.Require(1)

	// What it does comes after what /dev/null would have brought about.
	p.WaitExec(check.TrueOnce(t), stopLimit)
	p.Signal(syscall.SIGHUP)
	p.WaitReport(0)
	require.False(t, p.Ended())
	l.Require(1)

	check.Exited(t, 0, p.Stop())
}

// Around the moment at which the program begins to handle signals, and to listen.
func TestStopWhileStarting(t *testing.T) {
	plugin.Build(t)
	for ms := range 21 {
		t.Run(strconv.Itoa(ms)+"ms", func(t *testing.T) {
			l := listeners.Guard(t)
			p := plugin.Start(t, plugin.NoWait())
			time.Sleep(pace.Limit(time.Duration(ms) * time.Millisecond))
			p.Signal(syscall.SIGTERM)

			status := p.Wait(stopLimit)
			if status.Signaled() {
				require.Equal(t, syscall.SIGTERM, status.Signal())
				require.Empty(t, p.Stderr(), "it listened, and left without a word")
			} else {
				check.Exited(t, 0, status)
				require.Empty(t, check.Errors(p.Stderr()))
			}
			l.Require(0)
		})
	}
}

func TestStdinEndsWhileStarting(t *testing.T) {
	plugin.Build(t)
	for ms := range 11 {
		t.Run(strconv.Itoa(ms)+"ms", func(t *testing.T) {
			l := listeners.Guard(t)
			p := plugin.Start(t, plugin.NoWait())
			time.Sleep(pace.Limit(time.Duration(ms) * time.Millisecond))
			p.CloseStdin()
			check.Exited(t, 0, p.Wait(stopLimit))
			require.Empty(t, check.Errors(p.Stderr()))
			l.Require(0)
		})
	}
}

func TestManyCycles(t *testing.T) {
	l := listeners.Guard(t)
	for i := range 20 {
		p := plugin.Start(t)
		l.Require(1)
		if i%2 == 0 {
			p.CloseStdin()
		} else {
			p.Signal(syscall.SIGTERM)
		}
		check.Exited(t, 0, p.Wait(stopLimit))
		l.Require(0)
	}
}

func TestTwoAtOnce(t *testing.T) {
	l := listeners.Guard(t)
	first, second := plugin.Start(t), plugin.Start(t)
	l.Require(2)

	pid := check.TrueOnce(t)
	first.WaitExec(pid, stopLimit)
	second.WaitExec(pid, stopLimit)

	check.Exited(t, 0, first.Stop())
	l.Require(1)
	second.WaitExec(check.TrueOnce(t), stopLimit)
	check.Exited(t, 0, second.Stop())
	l.Require(0)
}

// A kernel takes nothing back when a listener is killed. Whoever comes next does.
func TestKilled(t *testing.T) {
	l := listeners.Guard(t)
	dir := state.Dir(t)
	killed := plugin.Start(t, plugin.StateDir(dir))
	l.Require(1)
	killed.Signal(syscall.SIGKILL)
	check.Killed(t, killed.Wait(stopLimit))
	l.Require(1)

	p := plugin.Start(t, plugin.StateDir(dir))
	l.Require(1)
	require.EqualValues(t, 1, plugin.Int(p.Gather().Listener, "released"))
	check.Exited(t, 0, p.Stop())
	l.Require(0)
	require.Empty(t, check.Warnings(p.Stderr()))
}
