package detached

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
	partStatus
	partExe
	partCwd
	partCgroup
	parts
)

const (
	// notRead is the length of a part that was not asked for.
	notRead = -1 << 31

	// What is kept of each part, in bytes. Of status that is more than the lines up
	// to Uid take; a path has PATH_MAX (include/uapi/linux/limits.h) at the most.
	statusLen = 512
	linkLen   = 4096
	cgroupLen = 8 << 10

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

// A Config says what a Loop works with.
type Config struct {
	// Descriptors: of a tap (cnproc.OpenTap) for exec events, of the proc mount, and of
	// two eventfds, Wake by which the loop is woken and Answers, of which it shares one
	// with others, to which it answers.
	Tap, Proc, Wake, Answers int
	// Allowed is where the thread may run when the loop has ended.
	Allowed unix.CPUSet
	Wanted  Wanted
}

// Wanted says what is read of a process besides /proc/PID/status. Less costs less time.
type Wanted struct {
	Cmdline int // the arguments, up to so many bytes
	Exe     bool
	Cwd     bool
	Cgroup  bool
}

// lengths is how many bytes are read of each part at the most. Those that are not wanted
// may be needed to complete a name.
func (w Wanted) lengths() [parts]uint32 {
	cmdline := uint32(w.Cmdline)
	if cmdline == 0 {
		cmdline = linkLen
	}
	return [parts]uint32{partCmdline: cmdline, partStatus: statusLen, partExe: linkLen, partCwd: linkLen, partCgroup: cgroupLen}
}

// longest is the longest entry that can come of it.
func (w Wanted) longest() uint32 {
	sum := entrySize + entryAlign
	for _, n := range w.lengths() {
		sum += n
	}
	return sum
}

// A Loop is all that is worked with outside of the runtime: see doc.go for what its
// methods must not do there. Run and Take are for one goroutine each, the others may be
// called from any.
type Loop struct {
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
	message      cnproc.TapMessage
	sender       unix.RawSockaddrNetlink
	digits       [12]byte // of a process's id, at the end, and a NUL
	directory    uintptr  // of the process
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

	buf []byte // of the last Record
}

// A schedParam is struct sched_param of include/uapi/linux/sched/types.h.
type schedParam struct{ priority int32 }

// ordinaryPolicy is that of a thread without a priority. It keeps the flag that only the
// privileged may clear.
const ordinaryPolicy = unix.SCHED_NORMAL | unix.SCHED_RESET_ON_FORK

// Ordinary takes real-time priority from a thread. Unlike sched_setattr(2) this call leaves
// its niceness alone.
func Ordinary(tid int) {
	var param schedParam
	//nolint:gosec,errcheck,dogsled // G103: it is a pointer of sched_setscheduler(2), which refuses nobody this
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), ordinaryPolicy, uintptr(unsafe.Pointer(&param)))
}

// New returns a loop that has not begun. The error is that of mmap(2).
func New(cfg Config) (*Loop, error) {
	want := cfg.Wanted
	r, err := newRing(int(want.longest()))
	if err != nil {
		return nil, err
	}
	l := &Loop{
		longest: want.longest(),
		ring:    r,
		tap:     uintptr(cfg.Tap),
		wake:    uintptr(cfg.Wake),
		answers: uintptr(cfg.Answers),
		proc:    uintptr(cfg.Proc),
		events:  [2]unix.PollFd{{Fd: int32(cfg.Tap), Events: unix.POLLIN}, {Fd: int32(cfg.Wake), Events: unix.POLLIN}},
		allowed: cfg.Allowed,
	}
	lengths := want.lengths()
	wanted := [parts]bool{partCmdline: want.Cmdline > 0, partStatus: true, partExe: want.Exe, partCwd: want.Cwd, partCgroup: want.Cgroup}
	for part, name := range [parts]string{"cmdline", "status", "exe", "cwd", "cgroup"} {
		copy(l.files[part].name[:], name)
		l.files[part].length = lengths[part]
		if wanted[part] {
			l.want |= 1 << part
		}
	}
	return l, nil
}

// Close gives the memory back. The loop must have ended.
func (l *Loop) Close() error { return l.ring.close() }

// Err returns why the loop has ended without having been told to, once it has ended.
func (l *Loop) Err() error {
	if l.errno != 0 {
		return os.NewSyscallError(l.failed, l.errno)
	}
	return nil
}

// Stop has the loop end when it is woken next.
func (l *Loop) Stop() { atomic.StoreUint32(&l.stopping, 1) }

// Ask has the loop answer when it is woken next.
func (l *Loop) Ask() { atomic.AddUint32(&l.asked, 1) }

// Answered reports whether it has.
func (l *Loop) Answered() bool { return atomic.LoadUint32(&l.answered) == atomic.LoadUint32(&l.asked) }

// ReadLinks says whether exe and cwd are to be read, which they are from the start. It
// holds for the next exec.
func (l *Loop) ReadLinks(read bool) {
	var without uint32
	if !read {
		without = 1
	}
	atomic.StoreUint32(&l.withoutLinks, without)
}

// loop waits for events until it is told to stop, or a system call fails.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *Loop) loop() {
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
		l.arguments[0], l.arguments[1], l.arguments[2] = l.tap, uintptr(unsafe.Pointer(&l.message)), unsafe.Sizeof(l.message)
		l.arguments[3] = unix.MSG_DONTWAIT
		l.arguments[4], l.arguments[5] = uintptr(unsafe.Pointer(&l.sender)), uintptr(unsafe.Pointer(&l.senderLen))
		l.call(unix.SYS_RECVFROM)
		switch l.error {
		case 0:
			l.idle = 0
			// The filter lets nothing but execs through, but others may send, too.
			if l.sender.Pid == 0 && l.message.Exec(l.result, &l.pid, &l.event) {
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
func (l *Loop) answer() (end bool) {
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
func (l *Loop) leave() {
	l.arguments[0], l.arguments[1], l.arguments[2] = 0, unsafe.Sizeof(l.allowed), uintptr(unsafe.Pointer(&l.allowed))
	l.call(unix.SYS_SCHED_SETAFFINITY)
	l.arguments[0], l.arguments[1], l.arguments[2] = 0, ordinaryPolicy, uintptr(unsafe.Pointer(&l.param))
	l.call(unix.SYS_SCHED_SETSCHEDULER)
}

// call is a system call that does not block, with l.arguments.
//
//go:nosplit
//go:norace
func (l *Loop) call(trap uintptr) {
	l.result, _, l.error = syscall.RawSyscall6(trap,
		l.arguments[0], l.arguments[1], l.arguments[2], l.arguments[3], l.arguments[4], l.arguments[5])
}

//go:nosplit
//go:norace
func (l *Loop) fail(call string, errno unix.Errno) { l.failed, l.errno = call, errno }

// catch reads what /proc says about the process of the message.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the message is the kernel's, the ring's memory none of Go's
func (l *Loop) catch() {
	position, ok := l.ring.reserve(l.longest)
	if !ok {
		return // the receiver may still come in time
	}

	// One look for the process by its number instead of one for each file.
	l.arguments[0], l.arguments[1] = l.proc, l.number()
	l.arguments[2], l.arguments[3] = unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0
	l.call(unix.SYS_OPENAT)
	if l.error != 0 {
		l.result = ^uintptr(0) // no descriptor
	}
	l.directory = l.result
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
	if l.directory != ^uintptr(0) {
		l.arguments[0] = l.directory
		l.call(unix.SYS_CLOSE)
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
func (l *Loop) wants(part int) bool { return l.want>>part&1 != 0 }

// read puts a part behind the first size bytes of an entry, and returns the new
// size. A part's length is the negative error number if it could not be read.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: the pointers are those of system calls
func (l *Loop) read(e *entry, part int, size uint32) uint32 {
	p := (*file)(unsafe.Add(unsafe.Pointer(&l.files), uintptr(part)*unsafe.Sizeof(file{})))
	*e.offset(part) = size
	l.data, l.length = uintptr(unsafe.Add(unsafe.Pointer(e), size)), uintptr(p.length)
	l.arguments[0], l.arguments[1] = l.directory, uintptr(unsafe.Pointer(&p.name))
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

// A fileName is a name and zeros.
type fileName [8]byte

// number returns the address of the process's number as a C string.
//
//go:nosplit
//go:norace
//go:nocheckptr
//nolint:gosec // G103: no index is checked, see entry.offset
func (l *Loop) number() uintptr {
	first := unsafe.Sizeof(l.digits) - 1
	for pid := uint32(l.pid); ; pid /= 10 {
		first--
		*(*byte)(unsafe.Add(unsafe.Pointer(&l.digits), first)) = byte('0' + pid%10)
		if pid < 10 || first == 0 {
			return uintptr(unsafe.Pointer(&l.digits)) + first
		}
	}
}
