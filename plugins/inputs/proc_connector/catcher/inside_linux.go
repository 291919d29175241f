//go:build linux && race

package catcher

import "syscall"

// The race detector follows all threads, with the runtime's help. Under it the
// loop is an ordinary goroutine: what it does is the same, only not as fast.
func (l *loop) outside() { l.run() }

//go:nosplit
//go:norace
func blockingCall(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, errno syscall.Errno) {
	return syscall.Syscall6(trap, a1, a2, a3, a4, a5, a6)
}
