package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// With arguments = "options" nothing that may be a value leaves the plugin, neither
// by an exec nor by an exit, and the listener's counter says so.
func TestArgumentsOptions(t *testing.T) {
	listeners.Guard(t)
	const secret = "xyzzy"
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "arguments = \"options\"\nexit_events = \"all\"")))
	cmd := exec.Command(program, "sleep50", "--token="+secret, "-p"+secret, "TOKEN="+secret, "--password", "--"+secret, "-v", "--", "--"+secret)
	require.NoError(t, cmd.Run())

	want := program + " '*' '--token=*' '-p*' '*' --password '--*' -v -- '*'"
	require.Equal(t, want, plugin.Text(p.WaitExec(cmd.Process.Pid, 5*time.Second), "cmdline"))
	require.Equal(t, want, plugin.Text(p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid)), "cmdline"))
	require.GreaterOrEqual(t, plugin.Int(p.Gather().Listener, "redacted"), int64(2))
	require.NotContains(t, p.Stdout(), secret)
	require.NotContains(t, p.Stderr(), secret)
}

// An expression comes from the environment as it is, backslashes and all, and the
// names of users from the host's /etc.
func TestEnvironment(t *testing.T) {
	listeners.Guard(t)
	program, etc := workload.Build(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(etc, "passwd"), []byte("operator:x:0:0::/:/bin/sh\n"), 0o600))
	p := plugin.Start(t,
		plugin.Args("--config", plugin.WriteConfig(t, "redact = ['${PC_EXPRESSION}'] # not ${PC_NONE}")),
		plugin.Command(func(cmd *exec.Cmd) {
			cmd.Env = append(os.Environ(), `PC_EXPRESSION=^emp-(\d{6})$`, "HOST_ETC="+etc)
		}))
	before := plugin.Int(p.Gather().Listener, "redacted")
	cmd := exec.Command(program, "sleep50", "emp-123456", "emp-12345")
	require.NoError(t, cmd.Run())

	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, program+" sleep50 'emp-***' emp-12345", plugin.Text(m, "cmdline"))
	require.Equal(t, "operator", plugin.Text(m, "user"))
	check.Eventually(t, "it is counted", 5*time.Second, func() bool {
		return plugin.Int(p.Gather().Listener, "redacted") > before
	})
}
