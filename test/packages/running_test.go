package packages_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

// agentConfig is Telegraf's own part; the plugin's comes with the package.
const agentConfig = `
[agent]
  interval = "200ms"
  flush_interval = "100ms"
  omit_hostname = true

[[outputs.file]]
  files = ["stdout"]
  data_format = "influx"
`

// As Telegraf's service does it: its user runs the agent, which reads all of
// telegraf.d, and when it is dead systemd runs what the drop-in says.
func TestInstalledUnderTelegraf(t *testing.T) {
	l := listeners.Guard(t)
	r := newRoot(t)
	r.install(build(t).deb)
	r.bring(telegraf.Build(t), "/usr/bin/telegraf")
	r.run("sh", "-c", "cat >/etc/telegraf/telegraf.conf <<'END'"+agentConfig+"END")

	a := r.startTelegraf()
	a.WaitLog(execd.Listens, execd.Timeout)
	l.Require(1)
	require.Len(t, r.leases(), 1)

	// It sees what root does, which its user may not look at.
	dir := t.TempDir()
	foreign := exec.Command("/bin/sleep", "0.3")
	foreign.Dir = dir
	require.NoError(t, foreign.Run())
	a.WaitStdout(fmt.Sprintf("proc_connector_exec,command=sleep pid=%di", foreign.Process.Pid), execd.Timeout)
	m := execOf(t, a, foreign.Process.Pid)
	require.Contains(t, m, fmt.Sprintf("cwd=%q", dir))
	require.Regexp(t, `exe="[^"]*/sleep"`, m)
	require.Contains(t, m, `detail="full"`)
	require.Contains(t, m, `user="root"`)
	a.WaitStdout("proc_connector_listener listening=1i", execd.Timeout)
	// Each right that it lacked would be a warning.
	require.NotContains(t, a.Log(), "W! [inputs.execd]")
	require.NotContains(t, a.Log(), "E! ")

	// The process has them, and Telegraf has none.
	plugins := execd.Plugins(t, a.Pid())
	require.Len(t, plugins, 1)
	require.Equal(t, fmt.Sprintf("%016x", rights), status(t, plugins[0], "CapEff"))
	require.Equal(t, fmt.Sprintf("%016x", 0), status(t, a.Pid(), "CapEff"))
	require.Equal(t, status(t, a.Pid(), "Uid"), status(t, plugins[0], "Uid"))

	// Both are killed at once, as by systemd after Telegraf has died.
	require.NoError(t, syscall.Kill(plugins[0], syscall.SIGSTOP))
	a.Kill()
	require.NoError(t, syscall.Kill(plugins[0], syscall.SIGKILL))
	check.Eventually(t, "the plugin is dead", time.Second, func() bool { return !check.Alive(plugins[0]) })
	l.Require(1)
	require.Len(t, r.leases(), 1)

	stopPost := r.stopPost()
	stopPost[0] = strings.TrimPrefix(stopPost[0], "-")
	cmd := exec.Command(stopPost[0], stopPost[1:]...)
	r.asTelegraf(cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "Released 1 listener(s)")
	l.Require(0)
	require.Empty(t, r.leases())

	// And with an ordinary end nothing is left to give back.
	b := r.startTelegraf()
	b.WaitLog(execd.Listens, execd.Timeout)
	l.Require(1)
	b.Stop(syscall.SIGTERM)
	l.Require(0)
	require.Empty(t, r.leases())
}

// A plugin that is killed leaves something to give back, and when the package is
// removed there is nobody left to do it.
func TestRemovalGivesBack(t *testing.T) {
	l := listeners.Guard(t)
	r := newRoot(t)
	r.install(build(t).deb)
	cmd := exec.Command(program, "--config", config, "--poll-interval", "0")
	r.asTelegraf(cmd)
	require.NoError(t, cmd.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait())
		}
	})
	check.Eventually(t, "it keeps a lease", execd.Timeout, func() bool { return len(r.leases()) == 1 })
	l.Require(1)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	ended = true
	l.Require(1)

	said := r.run("dpkg", "-r", "telegraf-proc-connector")
	require.Contains(t, said, "Released 1 listener(s)")
	l.Require(0)
}

// asTelegraf has a command run in the root as Telegraf's user, without any rights.
func (r *root) asTelegraf(cmd *exec.Cmd) {
	r.t.Helper()
	r.within(cmd)
	uid, gid := r.id("passwd", "telegraf"), r.id("group", "telegraf")
	require.Positive(r.t, uid)
	require.Positive(r.t, gid)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// startTelegraf starts the agent as telegraf.service does.
func (r *root) startTelegraf() *telegraf.Agent {
	r.t.Helper()
	return telegraf.Start(r.t, "/etc/telegraf/telegraf.conf", telegraf.Command(func(cmd *exec.Cmd) {
		r.asTelegraf(cmd)
		cmd.Path = "/usr/bin/telegraf"
		cmd.Args = append(cmd.Args, "--config-directory", "/etc/telegraf/telegraf.d")
	}))
}

// leases lists those in the root's own directory.
func (r *root) leases() []string {
	r.t.Helper()
	found, err := filepath.Glob(r.file(state) + "/lease-*")
	require.NoError(r.t, err)
	return found
}

// stopPost is the command that the drop-in adds.
func (r *root) stopPost() []string {
	r.t.Helper()
	for line := range strings.Lines(r.read(dropIn)) {
		if command, ok := strings.CutPrefix(line, "ExecStopPost="); ok {
			return strings.Fields(command)
		}
	}
	require.Fail(r.t, "no ExecStopPost=")
	return nil
}

// execOf is the metric of a process's exec.
func execOf(t *testing.T, a *telegraf.Agent, pid int) string {
	t.Helper()
	for line := range strings.Lines(a.Stdout()) {
		if strings.HasPrefix(line, "proc_connector_exec,") && strings.Contains(line, fmt.Sprintf(" pid=%di,", pid)) {
			metrics, err := plugin.Parse(line)
			require.NoError(t, err)
			require.Len(t, metrics, 1)
			return line
		}
	}
	require.Fail(t, "no exec")
	return ""
}
