package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	telegraf_metric "github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/ways"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

const needsProc = "reading processes needs proc to be mounted on /proc"

// without runs Telegraf where the plugin cannot start: in a mount namespace without
// /proc, which can be mounted later, or in a network namespace, which is for good.
func without(t *testing.T, what string) telegraf.Option {
	t.Helper()
	unshare := map[string][]string{
		"proc":    {"unshare", "-m", "sh", "-c", `umount -l /proc && exec "$0" "$@"`},
		"network": {"unshare", "-n"},
	}[what]
	path, err := exec.LookPath(unshare[0])
	require.NoError(t, err)
	return telegraf.Command(func(cmd *exec.Cmd) {
		cmd.Args = append(unshare, append([]string{cmd.Path}, cmd.Args[1:]...)...)
		cmd.Path = path
	})
}

// mountProc lets a Telegraf that was started without see /proc.
func mountProc(t *testing.T, a *telegraf.Agent) {
	t.Helper()
	out, err := exec.Command("nsenter", "-t", strconv.Itoa(a.Pid()), "-m", "mount", "-t", "proc", "proc", "/proc").CombinedOutput()
	require.NoError(t, err, string(out))
}

// Compiled in, what Telegraf does about a plugin that does not start is the
// operator's choice.
func TestStartupErrorCompiledIn(t *testing.T) {
	requireRoot(t)
	tests := []struct {
		behavior, without string
		log               string
		ends              bool
	}{
		{"error", "proc", "E! [telegraf] Error running agent: starting input inputs.proc_connector: " + needsProc, true},
		{"ignore", "proc", "I! [agent] Failed to start inputs.proc_connector, shutting down plugin: " + needsProc, false},
		{"ignore", "network", "I! [agent] Failed to start inputs.proc_connector, shutting down plugin: process connector: ", false},
		{"probe", "proc", "I! [agent] Failed to start inputs.proc_connector, shutting down plugin: " + needsProc, false},
		{"retry", "network", "--network=host", true},
	}
	for _, tt := range tests {
		t.Run(tt.behavior+" without "+tt.without, func(t *testing.T) {
			l := listeners.Guard(t)
			a := startWithout(t, ways.CompiledIn, tt.without, "startup_error_behavior = "+strconv.Quote(tt.behavior))
			a.WaitLog(tt.log, execd.Timeout)
			if tt.ends {
				require.NotZero(t, a.Wait(execd.Timeout).ExitCode())
			} else {
				require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
			}
			l.Require(0)
		})
	}
}

func startWithout(t *testing.T, w ways.Way, what, options string) *telegraf.Agent {
	t.Helper()
	config := filepath.Join(t.TempDir(), "telegraf.conf")
	execd.WriteConfig(t, config, w.Section(t, options))
	return w.Start(t, config, telegraf.NoWait(), without(t, what))
}

// A start that failed is tried again until it succeeds, and each failure leaves the
// kernel's count alone: compiled in by Telegraf at each gather, under execd by the
// execd input after its restart_delay.
func TestStartupRetry(t *testing.T) {
	requireRoot(t)
	options := map[bool]string{true: `startup_error_behavior = "retry"`}
	tries := map[bool]string{true: "not connected", false: needsProc}
	ways.Each(t, func(t *testing.T, w ways.Way) {
		l := listeners.Guard(t)
		a := startWithout(t, w, "proc", options[w.Inside])
		a.WaitLog(needsProc, execd.Timeout)
		check.Eventually(t, "several tries", execd.Timeout, func() bool { return strings.Count(a.Log(), tries[w.Inside]) >= 3 })
		l.Require(0)
		require.NotContains(t, a.Log(), w.Listens)

		mountProc(t, a)
		a.WaitLog(w.Listens, execd.Timeout)
		l.Require(1)
		waitAgentMetric(t, a, "the exec", plugin.ExecOf(check.TrueOnce(t)))
		waitAgentMetric(t, a, "the listener", func(m telegraf_metric.Metric) bool { return m.Name() == plugin.Listener })
		a.Reload()
		l.Require(1)
		require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
		l.Require(0)
	})
}
