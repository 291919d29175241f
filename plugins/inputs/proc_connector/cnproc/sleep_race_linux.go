//go:build linux && race

package cnproc

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleep is the same as without the race detector, which must know where threads
// are.
//
//nolint:gosec,errcheck // G103: the pointers are those of system calls; it does not matter why nanosleep ends
func (s *netlinkSocket) sleep(timeout *unix.Timespec) (n uintptr, errno syscall.Errno) {
	n, _, errno = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.events)), 2, uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if errno == 0 && s.events[0].Revents == unix.POLLIN && s.events[1].Revents == 0 && s.more != (unix.Timespec{}) {
		_, _, _ = syscall.Syscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&s.more)), 0, 0)
	}
	return n, errno
}
