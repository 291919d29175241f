package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// nobody has no rights, and on most systems no more than a name.
const nobody = 65534

// asNobody has a command run without any rights.
func asNobody(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// publicDir returns a folder that everybody may read, unlike the test's own.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(d, 0o755)) //nolint:gosec // G302: others are to get in
	}
	return dir
}

// publicCopy copies a program into the folder, since the path to the original may
// be closed to others, and returns the path of the copy.
func publicCopy(t *testing.T, dir, program string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(program))
	from, err := os.Open(program)
	require.NoError(t, err)
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // G302: others are to run it
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	return path
}

// nobodysStateDir makes a folder in which a plugin without rights can keep its
// leases.
func nobodysStateDir(t *testing.T, public string) string {
	t.Helper()
	dir := filepath.Join(public, "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chown(dir, nobody, nobody))
	return dir
}

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
	dir := publicDir(t)
	program := publicCopy(t, dir, plugin.Build(t))
	unprivileged := plugin.Command(func(cmd *exec.Cmd) {
		cmd.Path = program
		asNobody(cmd)
	})
	if !anyoneMayListen(t) {
		requireRefusal(t, []string{"not permitted", "CAP_NET_ADMIN", "setcap"}, unprivileged)
		return
	}
	p := plugin.Start(t, unprivileged, plugin.StateDir(nobodysStateDir(t, dir)))
	l.Require(1)

	own := exec.Command("/bin/sleep", "0.05")
	own.Dir = dir
	asNobody(own)
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
