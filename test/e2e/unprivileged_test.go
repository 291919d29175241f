package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// anyoneMayListen reports whether the kernel, as since Linux 6.6, lets everybody
// listen. Only root can find out how others fare.
func anyoneMayListen(t *testing.T) bool {
	t.Helper()
	requireRoot(t)
	// It came with the same change.
	anyone, err := rawlisten.CountsPerSocket()
	require.NoError(t, err)
	return anyone
}

// Where everybody may listen, what needs more is left out, with one warning for
// each.
func TestUnprivileged(t *testing.T) {
	l := listeners.Guard(t)
	dir := nobody.Dir(t)
	program := nobody.Copy(t, dir, plugin.Build(t))
	unprivileged := plugin.Command(func(cmd *exec.Cmd) {
		cmd.Path = program
		nobody.Run(cmd)
	})
	if !anyoneMayListen(t) {
		requireRefusal(t, []string{"not permitted", "CAP_NET_ADMIN", "setcap"}, unprivileged)
		return
	}
	p := plugin.Start(t, unprivileged, plugin.StateDir(nobody.StateDir(t, dir)))
	l.Require(1)

	own := exec.Command("/bin/sleep", "0.05")
	own.Dir = dir
	nobody.Run(own)
	require.NoError(t, own.Run())
	m := p.WaitExec(own.Process.Pid, stopLimit)
	require.Equal(t, "/bin/sleep 0.05", plugin.Text(m, "cmdline"))
	require.Equal(t, dir, plugin.Text(m, "cwd"))
	require.NotEmpty(t, plugin.Text(m, "exe"))
	require.Equal(t, "full", plugin.Text(m, "detail"))

	// Of others the command line is public, but not where they are.
	for range 3 {
		foreign := exec.Command("/bin/sleep", "0.05")
		require.NoError(t, foreign.Run())
		m = p.WaitExec(foreign.Process.Pid, stopLimit)
		require.Equal(t, "/bin/sleep 0.05", plugin.Text(m, "cmdline"))
		require.False(t, m.HasField("cwd"))
		require.False(t, m.HasField("exe"))
		require.Equal(t, "full", plugin.Text(m, "detail"))
	}

	check.Exited(t, 0, p.Stop())
	l.Require(0)
	require.Equal(t, 1, strings.Count(p.Stderr(), "W! [inputs.proc_connector] The receive buffer has "), p.Stderr())
	require.Equal(t, 1, strings.Count(p.Stderr(), "W! [inputs.proc_connector] Not permitted to read exe and cwd"), p.Stderr())
	require.Empty(t, check.Errors(p.Stderr()))
}
