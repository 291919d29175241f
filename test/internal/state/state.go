// Package state gives the programs that tests run directories of their own for
// leases, so that they neither see the machine's nor leave any there.
package state

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// env is where systemd tells a service its directory, RuntimeDirectory= of
// systemd.exec(5).
const env = "RUNTIME_DIRECTORY"

// Dir returns the path of a directory that is not there yet, and is removed when the
// test ends.
func Dir(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state")
}

// Use has the command, and what it starts, keep leases in the directory.
func Use(cmd *exec.Cmd, dir string) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, env+"="+dir) // of several the last counts
}
