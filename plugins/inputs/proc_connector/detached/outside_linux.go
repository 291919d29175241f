//go:build linux && !race

package detached

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Both functions are in the list of those that the runtime keeps for others (see their
// comments in runtime/proc.go).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// Run waits for events until Stop was called, or a system call fails (Err). It is to be
// called on a locked thread, which is an ordinary one afterwards.
//
//go:nosplit
//go:norace
func (l *Loop) Run() {
	entersyscallblock()
	l.loop()
	l.leave()
	exitsyscall()
}

// wait is ppoll(2).
//
//go:nosplit
//go:norace
func (l *Loop) wait() unix.Errno {
	_, errno := call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&l.events)), 2, 0, 0, 0, 0)
	return errno
}
