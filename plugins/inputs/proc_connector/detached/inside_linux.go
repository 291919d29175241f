//go:build linux && race

package detached

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Run is that of outside_linux.go as an ordinary goroutine: the race detector follows
// all threads, with the runtime's help. What it does is the same, only not as fast.
func (l *Loop) Run() {
	l.loop()
	l.leave()
}

// wait is ppoll(2).
//
//go:nosplit
//go:norace
func (l *Loop) wait() unix.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&l.events)), 2, 0, 0, 0, 0)
	return errno
}
