//go:build linux && !race

package catcher

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread that returns from a system call has to get hold of a P, the right to
// run Go code, and of locks of the Go scheduler before it goes on. Ordinary
// threads hold those when they are preempted, and then a thread of real-time
// priority waits for them. So a catcher's loop stays outside of the runtime's
// reach: to the runtime it is one system call that takes as long as the catcher
// lives. It needs no P, whatever GOMAXPROCS is, and the garbage collector neither
// stops it nor waits for it.
//
// In return, code that runs outside must not grow the stack, allocate, write
// pointers (a write barrier needs a P), block on Go's locks, or panic. It is the
// same bargain as that of the child after a fork in package syscall. What runs
// outside here is marked nosplit, calls nothing but bare system calls, and touches
// nothing but its own loop.
//
// Both functions are in the list of those that the runtime keeps for others (see
// their comments in runtime/proc.go).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// outside runs the loop as one long system call.
//
//go:nosplit
//go:norace
func (l *loop) outside() {
	entersyscallblock()
	l.run()
	l.leave()
	exitsyscall()
}

// wait is ppoll(2).
//
//go:nosplit
//go:norace
//nolint:gosec // G103: it is a pointer of ppoll(2)
func (l *loop) wait() {
	l.result, _, l.error = syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&l.events)), 2, 0, 0, 0, 0)
}
