package e2e_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// A plugin that is always refused exe and cwd asks no more, so that it does not
// fill an audit log, and says so once. That shows with a process which it might
// read.
func TestDeniedAgainAndAgain(t *testing.T) {
	requireRoot(t)
	listeners.Guard(t)
	const limited = "--bounding-set=-sys_ptrace"
	p := plugin.Start(t, through(t, "setpriv", limited), plugin.Args("--config", plugin.WriteConfig(t, "max_commands = 10000")))
	permitted := func() telegraf.Metric {
		cmd := exec.Command("setpriv", limited, "sleep", "0.05")
		require.NoError(t, cmd.Run())
		return p.WaitMetric("sleep", 5*time.Second, func(m telegraf.Metric) bool {
			return plugin.ExecOf(cmd.Process.Pid)(m) && strings.HasSuffix(plugin.Text(m, "cmdline"), "sleep 0.05") && m.Tags()["command"] == "sleep"
		})
	}
	m := permitted()
	require.NotEmpty(t, plugin.Text(m, "exe"))
	require.NotEmpty(t, plugin.Text(m, "cwd"))

	const left = "W! [inputs.proc_connector] Reading exe and cwd of other processes was denied"
	check.Eventually(t, "it gives up", 30*time.Second, func() bool {
		storm(t, 50)
		return strings.Contains(p.Stderr(), left)
	})
	storm(t, 150)
	m = permitted()
	require.False(t, m.HasField("exe"))
	require.False(t, m.HasField("cwd"))
	require.Equal(t, "full", plugin.Text(m, "detail"))
	check.Exited(t, 0, p.Stop())
	require.Equal(t, 1, strings.Count(p.Stderr(), left), p.Stderr())
	require.Len(t, check.Warnings(p.Stderr()), 2, p.Stderr())
	require.Empty(t, check.Errors(p.Stderr()))
}
