//go:build linux && race

package detached

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// The race detector follows all threads, with the runtime's help. So under it the loop is
// an ordinary goroutine, which does the same, only not as fast.

func entersyscallblock() {}

func exitsyscall() {}

func recvfrom(fd uintptr, m *cnproc.TapMessage, sender *unix.RawSockaddrNetlink, senderLen *uint32) (uintptr, unix.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(m)), unsafe.Sizeof(*m),
		0, uintptr(unsafe.Pointer(sender)), uintptr(unsafe.Pointer(senderLen)))
	return n, errno
}
