//go:build faultpoints

package cnproc

import (
	"os"
	"syscall"
)

// crash kills the process, as kill -9 would, if the environment variable
// PROC_CONNECTOR_CRASH names this moment. Tests show with it that a session
// that ends between any two steps leaves the kernel's count right or too high.
func crash(point string) {
	if os.Getenv("PROC_CONNECTOR_CRASH") != point {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {} // the signal is on its way to another thread
}
