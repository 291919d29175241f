//go:build linux && !race

package detached

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// Both functions are in the list of those that the runtime keeps for others (see their
// comments in runtime/proc.go).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

//go:nosplit
func recvfrom(fd uintptr, m *cnproc.TapMessage, sender *unix.RawSockaddrNetlink, senderLen *uint32) (uintptr, unix.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(m)), unsafe.Sizeof(*m),
		0, uintptr(unsafe.Pointer(sender)), uintptr(unsafe.Pointer(senderLen)))
	return n, errno
}
