// Package nobody runs programs without any rights.
package nobody

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ID is the user and the group of nobody, who has no rights, and on most systems
// no more than a name.
const ID = 65534

// Run has a command run as nobody. It needs root.
func Run(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ID, Gid: ID}}
}

// Dir returns a directory that everybody may read, unlike the test's own.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(d, 0o755)) //nolint:gosec // G302: others are to get in
	}
	return dir
}

// Copy copies a program into the directory, since the path to the original may be
// closed to others, and returns the path of the copy.
func Copy(t testing.TB, dir, program string) string {
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

// StateDir makes a directory below that of Dir in which nobody's plugin can keep its
// leases.
func StateDir(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "state")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.Chown(path, ID, ID))
	return path
}
