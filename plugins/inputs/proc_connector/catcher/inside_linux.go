//go:build linux && race

package catcher

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The race detector follows all threads, with the runtime's help. Under it the
// loop is an ordinary goroutine: what it does is the same, only not as fast.
func (l *loop) outside() {
	l.run()
	l.leave()
}

// wait is ppoll(2).
//
//go:nosplit
//go:norace
//nolint:gosec // G103: it is a pointer of ppoll(2)
func (l *loop) wait() {
	l.result, _, l.error = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&l.events)), 2, 0, 0, 0, 0)
}
