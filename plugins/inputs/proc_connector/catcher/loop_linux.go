package catcher

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// The parts of what is read of a process, in the order of their worth: the process
// may end at any time, and nothing but /proc/PID/cmdline tells its arguments.
const (
	partCmdline = iota
	partStat
	partExe
	partCwd
	partCgroup
	parts
)

const (
	// notRead is the length of a part that was not asked for.
	notRead = -1 << 31

	// What is kept of each part, in bytes. Of stat that is more than the fields
	// up to the start time take; a path has PATH_MAX (include/uapi/linux/limits.h)
	// at the most.
	statLen   = 512
	linkLen   = 4096
	cgroupLen = 8 << 10

	messageLen = 256
	pathLen    = 32

	// cutComm is the length at which the kernel cuts a name: TASK_COMM_LEN of
	// include/linux/sched.h without its zero byte.
	cutComm = 15

	// inARow is how many events are taken between two looks at whether to stop.
	inARow = 64
	// idleWakes is how often in a row poll(2) may say that there is something
	// and be wrong, before the catcher gives up: nothing of real-time priority
	// may spin.
	idleWakes = 1000
)

// A loop is all that a catcher works with outside of the runtime: see
// outside_linux.go for what its methods must not do.
type loop struct {
	want     [parts]bool
	lengths  [parts]uint64 // most bytes of each part
	longest  uint64        // entry
	ring     *ring
	tap      uintptr
	stop     uintptr // an eventfd
	proc     uintptr // the directory
	names    [parts][pathLen / 2]byte
	events   [2]unix.PollFd
	message  [messageLen]byte
	sender   unix.RawSockaddrNetlink
	path     [pathLen]byte
	clock    unix.Timespec
	event    uint64 // timestamp
	pid      int32
	idle     int
	overflow atomic.Uint64 // events for which there was no room

	ended  atomic.Bool // and the rest says why
	failed string      // the system call that ended the loop
	errno  unix.Errno
}

func newLoop(want Wanted, r *ring, tap, stop, proc int) *loop {
	l := &loop{
		want:    [parts]bool{partCmdline: want.Cmdline > 0, partStat: true, partExe: want.Exe, partCwd: want.Cwd, partCgroup: want.Cgroup},
		lengths: want.lengths(),
		longest: want.longest(),
		ring:    r,
		tap:     uintptr(tap),
		stop:    uintptr(stop),
		proc:    uintptr(proc),
		events:  [2]unix.PollFd{{Fd: int32(tap), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}},
	}
	for part, name := range [parts]string{"/cmdline", "/stat", "/exe", "/cwd", "/cgroup"} {
		copy(l.names[part][:], name)
	}
	return l
}

// failure returns why the loop has ended without having been told to. The
// goroutine that ran it is the only one to know when it has ended.
func (l *loop) failure() error {
	if l.ended.Load() && l.errno != 0 {
		return os.NewSyscallError(l.failed, l.errno)
	}
	return nil
}

// run waits for events until it is told to stop, or a system call fails.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) run() {
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&l.events)), uintptr(len(l.events)), 0, 0, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			l.failed, l.errno = "ppoll", errno
			return
		case l.events[1].Revents != 0:
			return
		case l.events[0].Revents&unix.POLLIN == 0 || l.idle == idleWakes:
			l.failed, l.errno = "ppoll", unix.EIO
			return
		}
		l.idle++
		for range inARow {
			length := uint32(unix.SizeofSockaddrNetlink)
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, l.tap, uintptr(unsafe.Pointer(&l.message)), messageLen, unix.MSG_DONTWAIT,
				uintptr(unsafe.Pointer(&l.sender)), uintptr(unsafe.Pointer(&length)))
			if errno == unix.EAGAIN {
				break
			}
			if errno != 0 && errno != unix.EINTR && errno != unix.ENOBUFS {
				l.failed, l.errno = "recvfrom", errno
				return
			}
			l.idle = 0
			// The filter lets nothing but execs through, but others may send, too.
			if errno == 0 && l.sender.Pid == 0 && n >= cnproc.TapLen {
				l.catch()
			}
		}
	}
}

// catch reads what /proc says about the process of the message.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the message is the kernel's, the ring's memory none of Go's
func (l *loop) catch() {
	// Bytes, because the kernel aligns neither to its size.
	*(*[8]byte)(unsafe.Pointer(&l.event)) = *(*[8]byte)(unsafe.Pointer(&l.message[cnproc.TapTimestamp]))
	*(*[4]byte)(unsafe.Pointer(&l.pid)) = *(*[4]byte)(unsafe.Pointer(&l.message[cnproc.TapTGID]))
	position, ok := l.ring.reserve(l.longest)
	if !ok {
		l.overflow.Add(1)
		return
	}

	e := l.ring.at(position)
	size := entrySize
	for part := range parts {
		e.lengths[part] = notRead
		if l.want[part] {
			size = l.read(e, part, size)
		}
	}
	if e.cut() {
		// The name is completed from the program and its arguments.
		for _, part := range [...]int{partCmdline, partExe} {
			if !l.want[part] {
				size = l.read(e, part, size)
			}
		}
	}
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&l.clock)), 0)
	size = (size + entryAlign - 1) &^ (entryAlign - 1)
	e.size, e.taken, e.pid, e.timestamp = uint32(size), 0, l.pid, l.event
	e.readAt = uint64(l.clock.Sec)*1_000_000_000 + uint64(l.clock.Nsec)
	l.ring.publish(position + size)
}

// read puts a part behind the first size bytes of an entry, and returns the new
// size. A part's length is the negative error number if it could not be read.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) read(e *entry, part int, size uint64) uint64 {
	data, length := uintptr(unsafe.Add(unsafe.Pointer(e), size)), uintptr(l.lengths[part])
	path := uintptr(unsafe.Pointer(l.pathOf(part)))
	var n uintptr
	var errno unix.Errno
	if part == partExe || part == partCwd {
		n, _, errno = unix.RawSyscall6(unix.SYS_READLINKAT, l.proc, path, data, length, 0, 0)
	} else {
		var fd uintptr
		fd, _, errno = unix.RawSyscall6(unix.SYS_OPENAT, l.proc, path, unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		if errno == 0 {
			n, _, errno = unix.RawSyscall(unix.SYS_READ, fd, data, length)
			unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	e.offsets[part] = uint32(size)
	if errno != 0 {
		e.lengths[part] = -int32(errno)
		return size
	}
	e.lengths[part] = int32(n)
	return size + uint64(n)
}

// pathOf returns "PID/file" as a C string.
//
//go:nosplit
//go:norace
func (l *loop) pathOf(part int) *byte {
	var digits [10]byte // of an int32
	first := len(digits)
	for pid := uint32(l.pid); ; pid /= 10 {
		first--
		digits[first] = byte('0' + pid%10)
		if pid < 10 || first == 0 {
			break
		}
	}
	n := 0
	for _, c := range digits[first:] {
		l.path[n] = c
		n++
	}
	for _, c := range l.names[part] {
		l.path[n] = c
		n++
	}
	return &l.path[0]
}
