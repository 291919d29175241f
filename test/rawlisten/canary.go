package rawlisten

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Hears reports whether the kernel reports events to this socket: a thread of this
// process takes the name that it has already, and PROC_EVENT_COMM of it is in the
// queue when the system call returns, or never will be. What was in the queue
// before is lost.
func (c *Conn) Hears() (bool, error) {
	c.Drain()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var name [16]byte // TASK_COMM_LEN
	for _, option := range []uintptr{unix.PR_GET_NAME, unix.PR_SET_NAME} {
		// Not unix.Prctl, to which the address is a number: the stack may move
		// before the kernel gets it.
		//nolint:gosec // G103: it is a pointer of prctl(2)
		if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, option, uintptr(unsafe.Pointer(&name)), 0); errno != 0 {
			return false, fmt.Errorf("prctl: %w", errno)
		}
	}
	tid := uint32(unix.Gettid())
	heard := false
	for {
		ev, ok := c.Receive()
		if !ok {
			return heard, nil
		}
		heard = heard || ev.What == EventComm && ev.Data[0] == tid
	}
}

// Members returns how many sockets are in the connector's group, whether they
// have sent LISTEN or not.
func Members() (int, error) {
	table, err := os.ReadFile("/proc/net/netlink")
	if err != nil {
		return 0, err
	}
	members := 0
	for line := range strings.Lines(string(table)) {
		// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		f := strings.Fields(line)
		if len(f) < 4 || f[1] != strconv.Itoa(unix.NETLINK_CONNECTOR) {
			continue
		}
		groups, err := strconv.ParseUint(f[3], 16, 32)
		if err != nil {
			return 0, fmt.Errorf("groups of a socket in /proc/net/netlink: %w", err)
		}
		if groups&(1<<(cnIdxProc-1)) != 0 {
			members++
		}
	}
	return members, nil
}
