package detached

import (
	"cmp"
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

	links = 1<<partExe | 1<<partCwd
	names = 1<<partCmdline | 1<<partExe // what tells how a program is called
)

const (
	// What is kept of each part, in bytes.
	statusLen = 512  // the lines up to Uid take less
	linkLen   = 4096 // PATH_MAX of include/uapi/linux/limits.h
	cgroupLen = 8 << 10

	// maxFailed is how often in a row nothing may be received without a wait, before the
	// loop gives up: nothing of real-time priority may spin.
	maxFailed = 1000
)

// A file is where a part is read.
type file struct {
	name   string // ended by a NUL
	length uint32 // the most that is read of it, in bytes
	wanted bool
}

// Wanted says what is read of a process besides /proc/PID/status. Less costs less time.
type Wanted struct {
	Cmdline          int // the arguments, up to so many bytes
	Exe, Cwd, Cgroup bool
}

// A Loop is all that is worked with outside of the runtime (doc.go). Run and Take are for one
// goroutine each, the others may be called from any.
type Loop struct {
	files [parts]file
	want  uint32 // a bit for each part
	ring  *ring

	tap, proc uintptr // descriptors: see New
	allowed   unix.CPUSet
	tid       int32 // of the thread, once it runs

	// Any goroutine writes these: the parts that are left out (a bit for each), whether
	// the loop is to answer, by taking this back, and whether it is to end.
	without, asked, stopping uint32

	// The event at hand, the process's directory, and the size of the entry so far: there is
	// little room on the stack.
	message   cnproc.TapMessage
	timestamp uint64
	pid       int32
	directory uintptr
	size      uint32
	idle      int        // receptions that brought nothing, in a row
	errno     unix.Errno // of the one that ended the loop

	buf []byte // of the last Record
}

// New returns a loop that has not begun. It works with the descriptors of a cnproc.Tap and of
// the proc mount. When it has ended, its thread may run on the CPUs that are allowed. Errors
// are those of mmap(2).
func New(tap, proc int, allowed unix.CPUSet, want Wanted) (*Loop, error) {
	cmdline := cmp.Or(want.Cmdline, linkLen) // if it is not wanted, for a name that has to be completed
	l := &Loop{
		files: [parts]file{
			partCmdline: {"cmdline\x00", uint32(cmdline), want.Cmdline > 0},
			partStatus:  {"status\x00", statusLen, true},
			partExe:     {"exe\x00", linkLen, want.Exe},
			partCwd:     {"cwd\x00", linkLen, want.Cwd},
			partCgroup:  {"cgroup\x00", cgroupLen, want.Cgroup},
		},
		tap: uintptr(tap), proc: uintptr(proc), allowed: allowed,
	}
	longest := entrySize + entryAlign
	for part, f := range l.files {
		longest += f.length
		if f.wanted {
			l.want |= 1 << part
		}
	}
	var err error
	if l.ring, err = newRing(longest); err != nil {
		return nil, err
	}
	return l, nil
}

// Close gives back what New took. The loop must have ended.
func (l *Loop) Close() error { return os.NewSyscallError("munmap", unix.Munmap(l.ring.memory)) }

// Stop has the loop end once it is asked.
func (l *Loop) Stop() { atomic.StoreUint32(&l.stopping, 1) }

// Ask has the loop answer. Answered is to be called until it has.
func (l *Loop) Ask() { atomic.StoreUint32(&l.asked, 1) }

// Answered reports whether it has.
func (l *Loop) Answered() bool {
	if atomic.LoadUint32(&l.asked) == 0 {
		return true
	}
	// The signal that the Go runtime sends to its own threads interrupts the system call in
	// which the loop waits. One that comes just before is lost.
	_ = unix.Tgkill(os.Getpid(), int(atomic.LoadInt32(&l.tid)), unix.SIGURG) //nolint:errcheck // it may have ended
	return false
}

// ReadLinks says whether exe and cwd are to be read, which they are from the start. It
// holds for the next exec.
func (l *Loop) ReadLinks(read bool) {
	var without uint32
	if !read {
		without = links
	}
	atomic.StoreUint32(&l.without, without)
}

// Run waits for events until Stop was called, or a system call fails. It is to be called
// on a locked thread, which is an ordinary one afterwards: it must not stand in the way of
// others when it goes back to the Go runtime with its locks. The only check of its stack
// comes before it leaves.
func (l *Loop) Run() error {
	atomic.StoreInt32(&l.tid, int32(unix.Gettid()))
	entersyscallblock()
	l.loop()
	unix.RawSyscallNoError(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(l.allowed), uintptr(unsafe.Pointer(&l.allowed)))
	Ordinary(0)
	exitsyscall()
	if l.errno != 0 {
		return os.NewSyscallError("recvfrom", l.errno)
	}
	return nil
}

// noPriority is struct sched_param of include/uapi/linux/sched/types.h.
var noPriority [1]int32

// Ordinary takes real-time priority from a thread; 0 is the one that calls. The flag stays
// that only the privileged may clear, and so does niceness, unlike with sched_setattr(2).
//
//go:nosplit
func Ordinary(tid int) {
	unix.RawSyscallNoError(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), unix.SCHED_NORMAL|unix.SCHED_RESET_ON_FORK,
		uintptr(unsafe.Pointer(&noPriority)))
}

// loop waits for events until it is told to stop, or that fails.
//
//go:nosplit
func (l *Loop) loop() {
	for l.errno == 0 {
		atomic.StoreUint32(&l.asked, 0)
		if atomic.LoadUint32(&l.stopping) != 0 {
			return
		}
		if l.receive() {
			l.catch()
		}
	}
}

// receive waits for a datagram, and reports whether it is about an exec.
//
//go:nosplit
func (l *Loop) receive() bool {
	var sender unix.RawSockaddrNetlink
	senderLen := uint32(unsafe.Sizeof(sender))
	var n uintptr
	var errno unix.Errno
	if raceDetector {
		n, _, errno = syscall.Syscall6(unix.SYS_RECVFROM, l.tap, uintptr(unsafe.Pointer(&l.message)), unsafe.Sizeof(l.message),
			0, uintptr(unsafe.Pointer(&sender)), uintptr(unsafe.Pointer(&senderLen)))
	} else {
		n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, l.tap, uintptr(unsafe.Pointer(&l.message)), unsafe.Sizeof(l.message),
			0, uintptr(unsafe.Pointer(&sender)), uintptr(unsafe.Pointer(&senderLen)))
	}
	switch errno {
	case 0:
		l.idle = 0
		// The filter lets nothing but execs through, but others may send, too.
		return sender.Pid == 0 && l.message.Exec(n, &l.pid, &l.timestamp)
	case unix.EINTR:
	case unix.EAGAIN, unix.ENOBUFS:
		if l.idle++; l.idle == maxFailed {
			l.errno = errno
		}
	default:
		l.errno = errno
	}
	return false
}

// catch reads what /proc says about the process.
//
//go:nosplit
func (l *Loop) catch() {
	e := l.ring.reserve()
	if e == nil {
		return // the receiver may still come in time
	}
	l.open()
	l.size = entrySize
	e.pieces = [parts]piece{}
	may := ^atomic.LoadUint32(&l.without)
	l.read(e, l.want&may)
	if e.vague() {
		l.read(e, names&may&^l.want)
	}
	unix.RawSyscallNoError(unix.SYS_CLOSE, l.directory, 0, 0)
	var now unix.Timespec
	unix.RawSyscallNoError(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&now)), 0)
	e.size = (l.size + entryAlign - 1) &^ (entryAlign - 1)
	e.taken, e.pid, e.timestamp = 0, l.pid, l.timestamp
	e.readAt = uint64(now.Sec)*1_000_000_000 + uint64(now.Nsec)
	l.ring.publish(e)
}

// open opens the process's directory. If that fails there is no descriptor (-1), and no file
// either.
//
//go:nosplit
func (l *Loop) open() {
	var digits [12]byte // at the end, and a NUL
	first := unsafe.Sizeof(digits) - 1
	for pid := uint32(l.pid); pid > 0; pid /= 10 {
		first--
		*(*byte)(unsafe.Add(unsafe.Pointer(&digits), first)) = byte('0' + pid%10)
	}
	//nolint:errcheck // see above
	l.directory, _, _ = syscall.RawSyscall6(unix.SYS_OPENAT, l.proc, uintptr(unsafe.Pointer(&digits))+first,
		unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
}

// read puts parts behind those that are there.
//
//go:nosplit
func (l *Loop) read(e *entry, wanted uint32) {
	for part := range uint32(parts) {
		if wanted>>part&1 == 0 {
			continue
		}
		// The remainder spares the check of the index: the way to a panic takes more stack
		// than there may be.
		f, piece := &l.files[part%parts], &e.pieces[part%parts]
		data, name := uintptr(unsafe.Add(unsafe.Pointer(e), l.size)), uintptr(unsafe.Pointer(unsafe.StringData(f.name)))
		var n, fd uintptr
		var errno unix.Errno
		if links>>part&1 != 0 {
			n, _, errno = syscall.RawSyscall6(unix.SYS_READLINKAT, l.directory, name, data, uintptr(f.length), 0, 0)
		} else if fd, _, errno = syscall.RawSyscall6(unix.SYS_OPENAT, l.directory, name, unix.O_CLOEXEC, 0, 0, 0); errno == 0 {
			n, _, errno = syscall.RawSyscall6(unix.SYS_READ, fd, data, uintptr(f.length), 0, 0, 0)
			unix.RawSyscallNoError(unix.SYS_CLOSE, fd, 0, 0)
		}
		piece.offset = l.size
		if errno != 0 {
			piece.length = -int32(errno)
			continue
		}
		piece.length = int32(n)
		l.size += uint32(n)
	}
}
