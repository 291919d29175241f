//go:build linux && !race

package cnproc

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread that blocks in an ordinary system call keeps its P, the right to run Go
// code, until the runtime's monitoring thread takes it away, and for that this one
// wakes every 20 microseconds for a while, whenever the receiver has been woken.
// That costs more than receiving does. So the receiver gives its P away itself.
//
// Both functions are in the list of those that the runtime keeps for others (see
// their comments in runtime/proc.go). What runs between them must not grow the
// stack, allocate, write pointers or block on Go's locks.

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// sleep is ppoll(2), and, when something has arrived, nanosleep(2) while more does.
//
//go:nosplit
//go:norace
//nolint:gosec,errcheck // G103: the pointers are those of system calls; it does not matter why nanosleep ends
func (s *netlinkSocket) sleep(timeout *unix.Timespec) (n uintptr, errno syscall.Errno) {
	entersyscallblock()
	n, _, errno = syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.events)), 2, uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if errno == 0 && s.events[0].Revents == unix.POLLIN && s.events[1].Revents == 0 && s.more != (unix.Timespec{}) {
		_, _, _ = syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&s.more)), 0, 0)
	}
	exitsyscall()
	return n, errno
}
