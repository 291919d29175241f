//go:build linux && !race

package detached

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Both functions are in the list of those that the runtime keeps for others (see their
// comments in runtime/proc.go).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

//go:nosplit
func ppoll(events *[2]unix.PollFd) unix.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(events)), 2, 0, 0, 0, 0)
	return errno
}
