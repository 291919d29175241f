// Package packages_test builds the deb and the rpm, and installs, upgrades and
// removes them in a root of their own: this machine's, under an overlay that takes
// all changes and is gone afterwards.
package packages_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// mountedEnv tells a process of the tests that it has mounts of its own.
const mountedEnv = "PROC_CONNECTOR_TEST_MOUNTS"

// TestMain gives the tests mounts of their own, which go with the process however
// it ends.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(mountedEnv) != "" {
		os.Exit(m.Run())
	}
	unshare, err := exec.LookPath("unshare")
	if err == nil {
		args := append([]string{"unshare", "--mount", "--propagation", "private", "/proc/self/exe"}, os.Args[1:]...)
		args[4], err = os.Executable()
		if err == nil {
			err = syscall.Exec(unshare, args, append(os.Environ(), mountedEnv+"=own"))
		}
	}
	fmt.Fprintln(os.Stderr, "Making mounts for the tests:", err)
	os.Exit(1)
}
