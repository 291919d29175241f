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
	// and be wrong, before the loop gives up: nothing of real-time priority
	// may spin.
	idleWakes = 1000
)

// A file is a part: its name with zeros behind it, and the most that is read of it, in
// bytes.
type file struct {
	name   [8]byte
	length uint32
}

// A Config says what a Loop works with.
type Config struct {
	// Descriptors: of a tap (cnproc.OpenTap) for exec events, of the proc mount, and of
	// an eventfd by which the loop is woken.
	Tap, Proc, Wake int
	// Allowed is where the thread may run when the loop has ended.
	Allowed unix.CPUSet
	Wanted  Wanted
}

// Wanted says what is read of a process besides /proc/PID/status. Less costs less time.
type Wanted struct {
	Cmdline          int // the arguments, up to so many bytes
	Exe, Cwd, Cgroup bool
}

// A Loop is all that is worked with outside of the runtime: see doc.go for what its
// methods must not do there. Run and Take are for one goroutine each, the others may be
// called from any.
type Loop struct {
	want    uint32 // a bit for each part
	files   [parts]file
	longest uint32 // entry
	ring    *ring

	tap, proc, wake uintptr // see Config
	allowed         unix.CPUSet

	// Any goroutine writes these: whether exe and cwd are left out, how often the loop was
	// asked to answer, and whether it is to end. The loop writes how often it has answered.
	withoutLinks, asked, stopping, answered uint32

	// What system calls are given: here, where the kernel can write without a stack that
	// stays in its place.
	events    [2]unix.PollFd
	message   cnproc.TapMessage
	sender    unix.RawSockaddrNetlink
	senderLen uint32
	digits    [12]byte // of a process's id, at the end, and a NUL
	clock     unix.Timespec
	count     uint64   // of an eventfd
	param     [1]int32 // struct sched_param of include/uapi/linux/sched/types.h

	// The event at hand, the process's directory, and the entry in the ring.
	timestamp uint64
	pid       int32
	directory uintptr
	position  uint32
	size      uint32
	idle      int // events that were none, in a row

	failed string // the system call that ended the loop
	errno  unix.Errno

	buf []byte // of the last Record
}

// ordinaryPolicy is that of a thread without a priority. It keeps the flag that only the
// privileged may clear.
const ordinaryPolicy = unix.SCHED_NORMAL | unix.SCHED_RESET_ON_FORK

// Ordinary takes real-time priority from a thread. Unlike sched_setattr(2) this call leaves
// its niceness alone.
func Ordinary(tid int) {
	var param [1]int32
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), ordinaryPolicy, uintptr(unsafe.Pointer(&param)))
}

// New returns a loop that has not begun. The error is that of mmap(2).
func New(cfg Config) (*Loop, error) {
	want := cfg.Wanted
	l := &Loop{
		tap:     uintptr(cfg.Tap),
		wake:    uintptr(cfg.Wake),
		proc:    uintptr(cfg.Proc),
		events:  [2]unix.PollFd{{Fd: int32(cfg.Tap), Events: unix.POLLIN}, {Fd: int32(cfg.Wake), Events: unix.POLLIN}},
		allowed: cfg.Allowed,
		longest: entrySize + entryAlign,
	}
	cmdline := want.Cmdline
	if cmdline == 0 {
		cmdline = linkLen // for a name that has to be completed
	}
	for part, p := range [parts]struct {
		name   string
		length int
		wanted bool
	}{
		{"cmdline", cmdline, want.Cmdline > 0},
		{"status", statusLen, true},
		{"exe", linkLen, want.Exe},
		{"cwd", linkLen, want.Cwd},
		{"cgroup", cgroupLen, want.Cgroup},
	} {
		copy(l.files[part].name[:], p.name)
		l.files[part].length = uint32(p.length)
		l.longest += uint32(p.length)
		if p.wanted {
			l.want |= 1 << part
		}
	}
	var err error
	l.ring, err = newRing(int(l.longest))
	return l, err
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
func (l *Loop) loop() {
	for l.errno == 0 {
		errno := l.wait()
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			l.failed, l.errno = "ppoll", errno
		case l.events[1].Revents != 0:
			if l.answer() {
				return
			}
		case l.events[0].Revents&unix.POLLIN == 0 || l.idle == idleWakes:
			l.failed, l.errno = "ppoll", unix.EIO
		case l.receive() && l.begin():
			l.catch()
			l.end()
		}
	}
}

// receive takes a datagram, and reports whether it is about an exec.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) receive() bool {
	l.idle++
	l.senderLen = unix.SizeofSockaddrNetlink
	n, errno := call(unix.SYS_RECVFROM, l.tap, uintptr(unsafe.Pointer(&l.message)), unsafe.Sizeof(l.message),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&l.sender)), uintptr(unsafe.Pointer(&l.senderLen)))
	switch errno {
	case 0:
		l.idle = 0
		// The filter lets nothing but execs through, but others may send, too.
		return l.sender.Pid == 0 && l.message.Exec(n, &l.pid, &l.timestamp)
	case unix.EAGAIN, unix.EINTR, unix.ENOBUFS:
	default:
		l.failed, l.errno = "recvfrom", errno
	}
	return false
}

// answer does what the loop was woken for, and reports whether it is to end.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) answer() (end bool) {
	_, errno := call(unix.SYS_READ, l.wake, uintptr(unsafe.Pointer(&l.count)), unsafe.Sizeof(l.count), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR && errno != unix.EAGAIN {
		l.failed, l.errno = "read", errno
		return true
	}
	if atomic.LoadUint32(&l.stopping) != 0 {
		return true
	}
	atomic.StoreUint32(&l.answered, atomic.LoadUint32(&l.asked))
	return false
}

// leave makes this thread one that never stands in the way of others, before it
// goes back to the Go runtime with its locks.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) leave() {
	call(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(l.allowed), uintptr(unsafe.Pointer(&l.allowed)), 0, 0, 0)
	call(unix.SYS_SCHED_SETSCHEDULER, 0, ordinaryPolicy, uintptr(unsafe.Pointer(&l.param)), 0, 0, 0)
}

// call is a system call that does not block.
//
//go:nosplit
//go:norace
func call(trap, a, b, c, d, e, f uintptr) (uintptr, unix.Errno) {
	result, _, errno := syscall.RawSyscall6(trap, a, b, c, d, e, f)
	return result, errno
}

// begin takes room in the ring, and looks for the process by its number, once instead of
// for each file.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) begin() (ok bool) {
	if l.position, ok = l.ring.reserve(l.longest); !ok {
		return false // the receiver may still come in time
	}
	fd, errno := call(unix.SYS_OPENAT, l.proc, l.number(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		fd = ^uintptr(0) // no descriptor
	}
	l.directory, l.size = fd, entrySize
	return true
}

// catch reads what /proc says about the process.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) catch() {
	e := l.ring.at(l.position)
	without := atomic.LoadUint32(&l.withoutLinks) != 0
	for part := range parts {
		*e.length(part) = notRead
		if l.wants(part) && !(without && (part == partExe || part == partCwd)) {
			l.read(e, part)
		}
	}
	if !e.vague() {
		return
	}
	// What the program is called is told by its arguments and its file.
	if !l.wants(partCmdline) {
		l.read(e, partCmdline)
	}
	if !without && !l.wants(partExe) {
		l.read(e, partExe)
	}
}

// end hands over what was read.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) end() {
	call(unix.SYS_CLOSE, l.directory, 0, 0, 0, 0, 0)
	call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&l.clock)), 0, 0, 0, 0)
	e := l.ring.at(l.position)
	e.size = (l.size + entryAlign - 1) &^ (entryAlign - 1)
	e.taken, e.pid, e.timestamp = 0, l.pid, l.timestamp
	e.readAt = uint64(l.clock.Sec)*1_000_000_000 + uint64(l.clock.Nsec)
	l.ring.publish(l.position + e.size)
}

//go:nosplit
//go:norace
func (l *Loop) wants(part int) bool { return l.want>>part&1 != 0 }

// read puts a part behind the others. Its length is the negative error number if it could
// not be read.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (l *Loop) read(e *entry, part int) {
	// Without a check of the index: see entry.offset.
	p := (*file)(unsafe.Add(unsafe.Pointer(&l.files), uintptr(part)*unsafe.Sizeof(file{})))
	*e.offset(part) = l.size
	data, name := uintptr(unsafe.Add(unsafe.Pointer(e), l.size)), uintptr(unsafe.Pointer(&p.name))
	var n, fd uintptr
	var errno unix.Errno
	if part == partExe || part == partCwd {
		n, errno = call(unix.SYS_READLINKAT, l.directory, name, data, uintptr(p.length), 0, 0)
	} else if fd, errno = call(unix.SYS_OPENAT, l.directory, name, unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0); errno == 0 {
		n, errno = call(unix.SYS_READ, fd, data, uintptr(p.length), 0, 0, 0)
		call(unix.SYS_CLOSE, fd, 0, 0, 0, 0, 0)
	}
	if errno != 0 {
		*e.length(part) = -int32(errno)
		return
	}
	*e.length(part) = int32(n)
	l.size += uint32(n)
}

// number returns the address of the process's number as a C string.
//
//go:nosplit
//go:norace
//go:nocheckptr
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
