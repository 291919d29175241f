package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	telegraf_metric "github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/ways"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// A broken option is one of Telegraf's own configuration, which says so and ends;
// the listener is given back before.
func TestBrokenOptionCompiledIn(t *testing.T) {
	for option, message := range map[string]string{
		"thread = true":           `"thread"`,
		"event_limit = -1":        "option event_limit: -1 is out of range",
		`exec_fields = ["pids"]`:  `option exec_fields: "pids" is unknown, allowed are `,
		`command_include = ["["]`: `option command_include: "[" is no glob`,
	} {
		t.Run(option, func(t *testing.T) {
			l := listeners.Guard(t)
			a, config := ways.CompiledIn.Run(t)
			l.Require(1)
			execd.WriteConfig(t, config, ways.CompiledIn.Section(t, option))
			require.NoError(t, syscall.Kill(a.Pid(), syscall.SIGHUP))
			require.NotZero(t, a.Wait(execd.Timeout).ExitCode())
			l.Require(0)
			require.Contains(t, a.Log(), message)
			require.Contains(t, a.Log(), config, "the file is named")
		})
	}
}

// What a killed Telegraf leaves in the kernel's count the next one gives back.
func TestKilledCompiledIn(t *testing.T) {
	l := listeners.Guard(t)
	dir := state.Dir(t)
	a, _ := ways.CompiledIn.Run(t, telegraf.StateDir(dir))
	l.Require(1)
	a.Kill()
	l.Require(1)

	a, _ = ways.CompiledIn.Run(t, telegraf.StateDir(dir))
	l.Require(1)
	listener := waitAgentMetric(t, a, "the listener", func(m telegraf_metric.Metric) bool { return m.Name() == plugin.Listener })
	require.EqualValues(t, 1, plugin.Int(listener, "released"))
	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
}

// Several sections are several instances, and each is one listener.
func TestTwoSectionsCompiledIn(t *testing.T) {
	l := listeners.Guard(t)
	config := filepath.Join(t.TempDir(), "telegraf.conf")
	section := func(name string) string {
		return ways.CompiledIn.Section(t, fmt.Sprintf("alias = %q\n  tags = {from = %q}", name, name))
	}
	execd.WriteConfig(t, config, section("one"), section("two"))
	a := ways.CompiledIn.Start(t, config)
	l.Require(2)
	pid := check.TrueOnce(t)
	for _, name := range []string{"one", "two"} {
		waitAgentMetric(t, a, "the exec from "+name, func(m telegraf_metric.Metric) bool {
			from, _ := m.GetTag("from")
			return from == name && plugin.ExecOf(pid)(m)
		})
	}

	execd.WriteConfig(t, config, section("two"))
	a.Reload()
	l.Require(1)
	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
}

// Before the plugin is run for good, Telegraf can be asked what it would report. It
// asks once, and stops the inputs when --test-wait is over.
func TestOnce(t *testing.T) {
	l := listeners.Guard(t)
	commands := startOften(t)
	agents := make(map[string]*telegraf.Agent)
	for _, w := range []ways.Way{ways.Execd, ways.CompiledIn} {
		for _, mode := range []string{"--test", "--once"} {
			config := filepath.Join(t.TempDir(), "telegraf.conf")
			execd.WriteConfig(t, config, w.Section(t, ""))
			a := w.Start(t, config, telegraf.NoWait(), telegraf.Command(func(cmd *exec.Cmd) {
				cmd.Args = append(cmd.Args, mode, "--test-wait", "6")
			}))
			a.WaitLog(w.Listens, execd.Timeout)
			agents[w.Prefix+mode] = a
		}
	}
	for name, a := range agents {
		t.Run(name, func(t *testing.T) { requireReported(t, a, commands) })
	}
	l.Require(0)
}

// startOften starts a command again and again while the test runs, since nobody
// knows when Telegraf begins to wait. It returns a function that returns the one with
// an id, if there was one.
func startOften(t *testing.T) func(pid int64) *exec.Cmd {
	t.Helper()
	program := workload.Build(t)
	var mu sync.Mutex
	commands := make(map[int64]*exec.Cmd)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
			cmd := exec.Command(program, "sleep50")
			if err := cmd.Run(); err == nil {
				mu.Lock()
				commands[int64(cmd.Process.Pid)] = cmd
				mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		<-ended
	})
	return func(pid int64) *exec.Cmd {
		mu.Lock()
		defer mu.Unlock()
		return commands[pid]
	}
}

// requireReported looks at the report of a Telegraf that has seen some of the commands.
func requireReported(t *testing.T, a *telegraf.Agent, commands func(pid int64) *exec.Cmd) {
	t.Helper()
	require.Zero(t, a.Wait(execd.Timeout).ExitCode(), a.Log())
	// --test puts a mark before each metric.
	metrics, err := plugin.Parse(strings.ReplaceAll("\n"+a.Stdout(), "\n> ", "\n")[1:])
	require.NoError(t, err)
	found := make(map[string]int)
	for _, m := range metrics {
		found[m.Name()]++
		switch {
		case m.Name() == plugin.Listener:
			require.EqualValues(t, 1, plugin.Int(m, "listening"))
			require.Positive(t, plugin.Int(m, "processes"), "the first report knows what runs already")
		case m.Name() == plugin.Exec:
			if cmd := commands(plugin.Int(m, "pid")); cmd != nil && found["the exec"] == 0 {
				found["the exec"]++
				require.Equal(t, cmd.Args, readBack(t, plugin.Text(m, "cmdline")))
				require.EqualValues(t, os.Getpid(), plugin.Int(m, "ppid"))
			}
		}
	}
	require.Equal(t, 1, found[plugin.Counters])
	require.Equal(t, 1, found[plugin.Listener])
	require.Equal(t, 1, found["the exec"])
	require.Positive(t, found[plugin.Commands])
}
