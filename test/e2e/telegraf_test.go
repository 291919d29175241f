package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	telegraf_metric "github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/ways"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// agentMetric returns the first metric that Telegraf has written and that is
// accepted, or nil.
func agentMetric(t *testing.T, a *telegraf.Agent, accept func(telegraf_metric.Metric) bool) telegraf_metric.Metric {
	t.Helper()
	out := a.Stdout()
	metrics, err := plugin.Parse(out[:strings.LastIndexByte(out, '\n')+1])
	require.NoError(t, err)
	for _, m := range metrics {
		if accept(m) {
			return m
		}
	}
	return nil
}

func waitAgentMetric(t *testing.T, a *telegraf.Agent, what string, accept func(telegraf_metric.Metric) bool) telegraf_metric.Metric {
	t.Helper()
	var m telegraf_metric.Metric
	check.Eventually(t, what, execd.Timeout, func() bool {
		m = agentMetric(t, a, accept)
		return m != nil
	})
	return m
}

func TestTelegraf(t *testing.T) {
	ways.Each(t, telegrafIn)
}

func telegrafIn(t *testing.T, w ways.Way) {
	t.Helper()
	l := listeners.Guard(t)
	a, _ := w.Run(t)
	l.Require(1)

	program := workload.Build(t)
	cmd := exec.Command(program, "sleep50", "one argument", "line\nbreak")
	before := time.Now()
	require.NoError(t, cmd.Run())
	after := time.Now()

	m := waitAgentMetric(t, a, "the exec", plugin.ExecOf(cmd.Process.Pid))
	require.Equal(t, cmd.Args, readBack(t, plugin.Text(m, "cmdline")))
	require.Equal(t, map[string]string{"command": "workload"}, m.Tags())
	require.EqualValues(t, os.Getpid(), plugin.Int(m, "ppid"))
	require.WithinRange(t, m.Time(), before.Add(-clockError), after.Add(clockError))

	listener := waitAgentMetric(t, a, "the listener", func(m telegraf_metric.Metric) bool { return m.Name() == plugin.Listener })
	require.EqualValues(t, 1, plugin.Int(listener, "listening"))
	counters := waitAgentMetric(t, a, "the counters", func(m telegraf_metric.Metric) bool {
		return m.Name() == plugin.Counters && plugin.Int(m, "execs") > 0
	})
	require.Positive(t, plugin.Int(counters, "forks"))

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
}

func TestReloads(t *testing.T) {
	ways.Each(t, reloadsIn)
}

func reloadsIn(t *testing.T, w ways.Way) {
	t.Helper()
	l := listeners.Guard(t)
	a, _ := w.Run(t)
	l.Require(1)

	const reloads = 20
	for i := range reloads {
		a.Reload()
		check.Eventually(t, "the plugin listens again", execd.Timeout, func() bool {
			return strings.Count(a.Log(), w.Listens) == i+2
		})
		l.Require(1)
		require.Len(t, w.Processes(t, a), 1)
	}
	// The last of them hears like the first.
	waitAgentMetric(t, a, "the exec", plugin.ExecOf(check.TrueOnce(t)))

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
	require.Contains(t, a.Log(), "D! "+w.Prefix+"Stopped listening")
}

func TestReloadWithoutPlugin(t *testing.T) {
	ways.Each(t, reloadWithoutPluginIn)
}

func reloadWithoutPluginIn(t *testing.T, w ways.Way) {
	t.Helper()
	l := listeners.Guard(t)
	a, config := w.Run(t)
	l.Require(1)

	execd.WriteConfig(t, config)
	a.Reload()
	l.Require(0)
	require.Empty(t, execd.Plugins(t, a.Pid()))

	execd.WriteConfig(t, config, w.Section(t, ""))
	a.Reload()
	l.Require(1)

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
}

// Telegraf ends when it cannot read its new configuration.
func TestReloadOntoBrokenConfiguration(t *testing.T) {
	ways.Each(t, reloadOntoBrokenIn)
}

func reloadOntoBrokenIn(t *testing.T, w ways.Way) {
	t.Helper()
	l := listeners.Guard(t)
	a, config := w.Run(t)
	plugins := w.Processes(t, a)
	require.Len(t, plugins, 1)
	l.Require(1)

	require.NoError(t, os.WriteFile(config, []byte("[[inputs.execd]\n"), 0o600))
	require.NoError(t, syscall.Kill(a.Pid(), syscall.SIGHUP))
	require.NotZero(t, a.Wait(execd.Timeout).ExitCode())
	l.Require(0)
	require.False(t, check.Alive(plugins[0]))
}

// The plugin's own configuration is broken: Telegraf lives on, starts the plugin
// again and again, and shows why it ends.
func TestReloadOntoBrokenPluginConfiguration(t *testing.T) {
	l := listeners.Guard(t)
	a, config := execd.Start(t)
	l.Require(1)

	execd.WriteConfig(t, config, execd.Section(t, "thread = true"))
	a.Reload()
	const message = `"thread" is no option of [[inputs.proc_connector]], allowed are `
	a.WaitLog("E! [inputs.execd] /", execd.Timeout)
	a.WaitLog(message, execd.Timeout)
	l.Require(0)
	require.NotContains(t, a.Log(), `stderr: "`, "a line without a level")
	check.Eventually(t, "Telegraf starts it again", execd.Timeout, func() bool {
		return strings.Count(a.Log(), message) >= 2
	})
	l.Require(0)

	execd.WriteConfig(t, config, execd.Section(t, "threads = true"))
	a.Reload()
	l.Require(1)

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
}

func TestTelegrafStopped(t *testing.T) {
	ways.Each(t, telegrafStoppedIn)
}

func telegrafStoppedIn(t *testing.T, w ways.Way) {
	t.Helper()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			l := listeners.Guard(t)
			a, _ := w.Run(t)
			plugins := w.Processes(t, a)
			require.Len(t, plugins, 1)
			l.Require(1)

			start := time.Now()
			require.Zero(t, a.Stop(sig).ExitCode())
			require.Less(t, time.Since(start), pace.Limit(5*time.Second), "Telegraf did not have to lose patience")
			l.Require(0)
			require.False(t, check.Alive(plugins[0]))
			execd.RequireWellLogged(t, a)
		})
	}
}

// Nobody tells the plugin: its standard input ends, and its output breaks.
func TestTelegrafKilled(t *testing.T) {
	l := listeners.Guard(t)
	a, _ := execd.Start(t)
	plugins := execd.Plugins(t, a.Pid())
	require.Len(t, plugins, 1)
	l.Require(1)

	a.Kill()
	l.Require(0)
	check.Eventually(t, "the plugin ends", 5*time.Second, func() bool { return !check.Alive(plugins[0]) })
}

// The same, while there is much to report.
func TestTelegrafKilledInAStorm(t *testing.T) {
	l := listeners.Guard(t)
	a, _ := execd.Start(t)
	plugins := execd.Plugins(t, a.Pid())
	require.Len(t, plugins, 1)
	l.Require(1)

	storming := exec.Command("sh", "-c", "while :; do /bin/true; done")
	require.NoError(t, storming.Start())
	t.Cleanup(func() {
		require.NoError(t, storming.Process.Kill())
		require.Error(t, storming.Wait(), "killed")
	})
	waitAgentMetric(t, a, "an exec of the storm", func(m telegraf_metric.Metric) bool {
		return plugin.Int(m, "ppid") == int64(storming.Process.Pid)
	})

	a.Kill()
	l.Require(0)
	check.Eventually(t, "the plugin ends", 5*time.Second, func() bool { return !check.Alive(plugins[0]) })
}

// Execd starts a plugin again that has ended on its own.
func TestPluginEndsUnderTelegraf(t *testing.T) {
	l := listeners.Guard(t)
	a, _ := execd.Start(t)
	plugins := execd.Plugins(t, a.Pid())
	require.Len(t, plugins, 1)

	require.NoError(t, syscall.Kill(plugins[0], syscall.SIGTERM))
	check.Eventually(t, "the plugin is started again", execd.Timeout, func() bool {
		return strings.Count(a.Log(), execd.Listens) == 2
	})
	l.Require(1)
	waitAgentMetric(t, a, "the exec", plugin.ExecOf(check.TrueOnce(t)))
	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
}

// Warnings arrive as warnings: without rights the buffer is smaller than asked.
// Where listening needs a right, the error arrives as one.
func TestTelegrafUnprivileged(t *testing.T) {
	l := listeners.Guard(t)
	anyone := anyoneMayListen(t)
	dir := nobody.Dir(t)
	config := filepath.Join(dir, "telegraf.conf")
	section := fmt.Sprintf(`
[[inputs.execd]]
  command = [%q]
  signal = "STDIN"
  data_format = "influx"
`, nobody.Copy(t, dir, plugin.Build(t)))
	execd.WriteConfig(t, config, section)
	require.NoError(t, os.Chown(config, nobody.ID, nobody.ID))
	agent := nobody.Copy(t, dir, telegraf.Build(t))
	a := telegraf.Start(t, config, telegraf.StateDir(nobody.StateDir(t, dir)), telegraf.Command(func(cmd *exec.Cmd) {
		cmd.Path = agent
		cmd.Dir = dir
		nobody.Run(cmd)
	}))
	if !anyone {
		a.WaitLog("E! [inputs.execd] ", execd.Timeout)
		a.WaitLog("CAP_NET_ADMIN", execd.Timeout)
		require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
		l.Require(0)
		return
	}
	a.WaitLog(execd.Listens, execd.Timeout)
	require.Contains(t, a.Log(), "W! [inputs.execd] [inputs.proc_connector] The receive buffer has ")
	l.Require(1)

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	l.Require(0)
	execd.RequireWellLogged(t, a)
}
