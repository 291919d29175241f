package catcher

import (
	"os"
	"sync/atomic"
	"syscall"
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

	// cutComm is the length at which the kernel cuts a name: TASK_COMM_LEN of
	// include/linux/sched.h without its zero byte.
	cutComm = 15

	// idleWakes is how often in a row poll(2) may say that there is something
	// and be wrong, before the catcher gives up: nothing of real-time priority
	// may spin.
	idleWakes = 1000
)

// A file is a part and the most that is read of it, in bytes.
type file struct {
	name   fileName
	length uint32
}

// A loop is all that a catcher works with outside of the runtime: see
// outside_linux.go for what its methods must not do.
type loop struct {
	want uint32 // a bit for each part
	// withoutLinks is not 0 while exe and cwd are not to be read. See ReadLinks.
	withoutLinks uint32
	files        [parts]file
	longest      uint32 // entry
	ring         *ring
	tap          uintptr
	wake         uintptr // an eventfd: see answer
	answers      uintptr // an eventfd
	proc         uintptr // the directory
	events       [2]unix.PollFd
	message      [messageLen]byte
	sender       unix.RawSockaddrNetlink
	path         path
	first        uintptr // where the path begins
	clock        unix.Timespec
	event        uint64 // timestamp
	pid          int32
	idle         int
	count        uint64 // of an eventfd

	// How often the loop was asked to answer, and has, and whether it is to end.
	asked, answered, stopping uint32

	// What leave gives the thread.
	allowed unix.CPUSet
	param   schedParam

	// What system calls are given and return. It is here, and not on the stack, to
	// leave room for the calls.
	arguments        [6]uintptr
	data, length     uintptr
	result, kept     uintptr
	error, keptError unix.Errno
	senderLen        uint32

	failed string // the system call that ended the loop
	errno  unix.Errno
}

// descriptors are what a loop works with.
type descriptors struct{ tap, wake, answers, proc int }

func newLoop(want Wanted, r *ring, fds descriptors, allowed unix.CPUSet) *loop {
	l := &loop{
		longest: want.longest(),
		ring:    r,
		tap:     uintptr(fds.tap),
		wake:    uintptr(fds.wake),
		answers: uintptr(fds.answers),
		proc:    uintptr(fds.proc),
		events:  [2]unix.PollFd{{Fd: int32(fds.tap), Events: unix.POLLIN}, {Fd: int32(fds.wake), Events: unix.POLLIN}},
		allowed: allowed,
	}
	lengths := want.lengths()
	wanted := [parts]bool{partCmdline: want.Cmdline > 0, partStat: true, partExe: want.Exe, partCwd: want.Cwd, partCgroup: want.Cgroup}
	for part, name := range [parts]string{"/cmdline", "/stat", "/exe", "/cwd", "/cgroup"} {
		copy(l.files[part].name[:], name)
		l.files[part].length = lengths[part]
		if wanted[part] {
			l.want |= 1 << part
		}
	}
	return l
}

// failure returns why the loop has ended without having been told to, when it has
// ended.
func (l *loop) failure() error {
	if l.errno != 0 {
		return os.NewSyscallError(l.failed, l.errno)
	}
	return nil
}

// stop has the loop end when it is woken next.
func (l *loop) stop() { atomic.StoreUint32(&l.stopping, 1) }

// run waits for events until it is told to stop, or a system call fails.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) run() {
	for {
		l.wait()
		switch {
		case l.error == unix.EINTR:
			continue
		case l.error != 0:
			l.fail("ppoll", l.error)
			return
		case l.events[1].Revents != 0:
			if l.answer() {
				return
			}
			continue
		case l.events[0].Revents&unix.POLLIN == 0 || l.idle == idleWakes:
			l.fail("ppoll", unix.EIO)
			return
		}
		l.idle++
		l.senderLen = unix.SizeofSockaddrNetlink
		l.arguments[0], l.arguments[1], l.arguments[2] = l.tap, uintptr(unsafe.Pointer(&l.message)), messageLen
		l.arguments[3] = unix.MSG_DONTWAIT
		l.arguments[4], l.arguments[5] = uintptr(unsafe.Pointer(&l.sender)), uintptr(unsafe.Pointer(&l.senderLen))
		l.call(unix.SYS_RECVFROM)
		switch l.error {
		case 0:
			l.idle = 0
			// The filter lets nothing but execs through, but others may send, too.
			if l.sender.Pid == 0 && l.result >= cnproc.TapLen {
				l.catch()
			}
		case unix.EAGAIN, unix.EINTR, unix.ENOBUFS:
		default:
			l.fail("recvfrom", l.error)
			return
		}
	}
}

// answer does what the loop was woken for, and reports whether it is to end.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) answer() (end bool) {
	l.arguments[0], l.arguments[1], l.arguments[2] = l.wake, uintptr(unsafe.Pointer(&l.count)), unsafe.Sizeof(l.count)
	l.call(unix.SYS_READ)
	if l.error != 0 && l.error != unix.EINTR && l.error != unix.EAGAIN {
		l.fail("read", l.error)
		return true
	}
	if atomic.LoadUint32(&l.stopping) != 0 {
		return true
	}
	atomic.StoreUint32(&l.answered, atomic.LoadUint32(&l.asked))
	l.count = 1
	l.arguments[0] = l.answers
	l.call(unix.SYS_WRITE) // to nobody, if nobody waits
	return false
}

// leave makes this thread one that never stands in the way of others, before it
// goes back to the Go runtime with its locks.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) leave() {
	l.arguments[0], l.arguments[1], l.arguments[2] = 0, unsafe.Sizeof(l.allowed), uintptr(unsafe.Pointer(&l.allowed))
	l.call(unix.SYS_SCHED_SETAFFINITY)
	l.arguments[0], l.arguments[1], l.arguments[2] = 0, ordinaryPolicy, uintptr(unsafe.Pointer(&l.param))
	l.call(unix.SYS_SCHED_SETSCHEDULER)
}

// call is a system call that does not block, with l.arguments.
//
//go:nosplit
//go:norace
func (l *loop) call(trap uintptr) {
	l.result, _, l.error = syscall.RawSyscall6(trap,
		l.arguments[0], l.arguments[1], l.arguments[2], l.arguments[3], l.arguments[4], l.arguments[5])
}

//go:nosplit
//go:norace
func (l *loop) fail(call string, errno unix.Errno) { l.failed, l.errno = call, errno }

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
		return // the receiver may still come in time
	}

	l.number()
	e := l.ring.at(position)
	size := entrySize
	without := atomic.LoadUint32(&l.withoutLinks) != 0
	for part := range parts {
		*e.length(part) = notRead
		if l.wants(part) && !(without && (part == partExe || part == partCwd)) {
			size = l.read(e, part, size)
		}
	}
	if e.vague() {
		// What the program is called is told by its arguments and its file.
		if !l.wants(partCmdline) {
			size = l.read(e, partCmdline, size)
		}
		if !without && !l.wants(partExe) {
			size = l.read(e, partExe, size)
		}
	}
	l.arguments[0], l.arguments[1] = unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&l.clock))
	l.call(unix.SYS_CLOCK_GETTIME)
	size = (size + entryAlign - 1) &^ (entryAlign - 1)
	e.size, e.taken, e.pid, e.timestamp = size, 0, l.pid, l.event
	e.readAt = uint64(l.clock.Sec)*1_000_000_000 + uint64(l.clock.Nsec)
	l.ring.publish(position + size)
}

//go:nosplit
//go:norace
func (l *loop) wants(part int) bool { return l.want>>part&1 != 0 }

// read puts a part behind the first size bytes of an entry, and returns the new
// size. A part's length is the negative error number if it could not be read.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *loop) read(e *entry, part int, size uint32) uint32 {
	p := (*file)(unsafe.Add(unsafe.Pointer(&l.files), uintptr(part)*unsafe.Sizeof(file{})))
	l.path.name = p.name
	*e.offset(part) = size
	l.data, l.length = uintptr(unsafe.Add(unsafe.Pointer(e), size)), uintptr(p.length)
	l.arguments[0], l.arguments[1] = l.proc, l.pathname()
	if part == partExe || part == partCwd {
		l.arguments[2], l.arguments[3] = l.data, l.length
		l.call(unix.SYS_READLINKAT)
	} else {
		l.arguments[2], l.arguments[3] = unix.O_RDONLY|unix.O_CLOEXEC, 0
		l.call(unix.SYS_OPENAT)
		if l.error == 0 {
			l.arguments[0], l.arguments[1], l.arguments[2] = l.result, l.data, l.length
			l.call(unix.SYS_READ)
			l.kept, l.keptError = l.result, l.error
			l.call(unix.SYS_CLOSE)
			l.result, l.error = l.kept, l.keptError
		}
	}
	if l.error != 0 {
		*e.length(part) = -int32(l.error)
		return size
	}
	*e.length(part) = int32(l.result)
	return size + uint32(l.result)
}

// A path is "PID/file" as a C string, which begins at the first digit of the number.
type path struct {
	digits [10]byte // of an int32, at the end
	name   fileName
}

// A fileName is a slash, a name and zeros.
type fileName [16]byte

// number writes the process's number into the path.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: no index is checked, see entry.offset
func (l *loop) number() {
	l.first = uintptr(len(l.path.digits))
	for pid := uint32(l.pid); l.first > 0; pid /= 10 {
		l.first--
		*(*byte)(unsafe.Add(unsafe.Pointer(&l.path), l.first)) = byte('0' + pid%10)
		if pid < 10 {
			return
		}
	}
}

//go:nosplit
//go:norace
//nolint:gosec // G103: it is a pointer of system calls
func (l *loop) pathname() uintptr { return uintptr(unsafe.Pointer(&l.path)) + l.first }
