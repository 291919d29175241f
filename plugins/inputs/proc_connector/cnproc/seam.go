package cnproc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A socket is the seam between the state machine and the kernel, where tests put a fake.
type socket interface { //nolint:interfacebloat // a socket is all that a session has of the kernel
	setFilter(filter []bpf.Instruction) error // in place of what was there
	setReceiveBuffer(bytes int) (got int, err error)
	join() (port uint32, err error) // enters the group
	// send hands requests to the kernel, up to 1,024 in one system call, which not even
	// SIGKILL interrupts. When it returns the kernel has dealt with the first n, in their
	// order, and has not seen the others, of which there are some only with an error.
	send(requests ...[]byte) (n int, err error)
	// receive never waits. It returns at most limit datagrams, valid until the next call.
	receive(limit int) ([]datagram, error)
	// setAlarm has a second member of the group, with a filter of its own, end the window
	// of wait as soon as it hears something.
	setAlarm(filter []bpf.Instruction) error
	// wait returns when something is queued, and more had a window of time to arrive; when
	// wake was called; or after the time idle, unless that is negative.
	wait(idle, window time.Duration) error
	wake() error            // ends a wait, or the next one if there is none
	leave() error           // leaves the group, so that nothing more is queued
	drops() (uint32, error) // how many events could not be queued so far, modulo 2^32
	close() error
}

// A datagram is one message of the queue.
type datagram struct {
	bytes  []byte
	sender uint32 // port id; 0 is the kernel
}

// system is what a session needs of the machine besides.
type system struct {
	dial        func() (socket, error)
	dialPassive func() (socket, error)                                  // for a member that sends no LISTEN: see Member.passive
	obstacle    func() error                                            // why the kernel would not answer, or errUnknown
	rename      func() (Task, error)                                    // sends a canary: see renameThread
	members     func() (members map[Member]bool, crowd bool, err error) // see listMembers
	bootID      func() (string, error)                                  // names this run of the kernel
	// flock takes a file's lock, without waiting for it, and reports whether it did. Only
	// closing the file, or the end of the process, gives it up.
	flock func(f *os.File) (bool, error)
	uid   int // that this process acts as

	patience time.Duration // how long to wait for other sessions that are at work on the count
	grace    time.Duration // how long a member may take to be gone whose process was killed
	budget   time.Duration // how long one repair takes at most
}

var errUnknown = errors.New("cannot be told")

// hostSystem is this machine, with proc mounted there, or on /proc.
func hostSystem(proc string) system {
	if proc == "" {
		proc = "/proc"
	}
	return system{
		dial:        func() (socket, error) { return dialSession() },
		dialPassive: func() (socket, error) { return dialPassive() },
		obstacle:    func() error { return obstacle(proc) },
		rename:      renameThread,
		members:     func() (map[Member]bool, bool, error) { return listMembers(proc) },
		bootID:      func() (string, error) { return BootID(proc) },
		flock:       lockFile,
		uid:         os.Geteuid(),
		patience:    500 * time.Millisecond, // for what takes milliseconds
		grace:       300 * time.Millisecond, // the kernel frees its lease and its socket one after the other
		budget:      200 * time.Millisecond, // raises the count by some 100,000
	}
}

// renameThread has a thread take the name that it has already, which the kernel reports
// before it returns (proc_comm_connector, called for PR_SET_NAME in kernel/sys.c). It is
// never the first thread: that one's renamings are the process's, which filters let through.
func renameThread() (Task, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	task := Task{PID: int32(unix.Gettid()), TGID: int32(unix.Getpid())}
	if task.Leader() {
		// As long as this goroutine keeps the first thread, another has another.
		var err error
		done := make(chan struct{})
		go func() {
			task, err = renameThread()
			close(done)
		}()
		<-done
		return task, err
	}
	var name [CommLen]byte
	for _, option := range []uintptr{unix.PR_GET_NAME, unix.PR_SET_NAME} {
		// The bare call: unix.Prctl takes the address as a number, and by the time the
		// kernel gets it the stack may have moved.
		if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, option, uintptr(unsafe.Pointer(&name)), 0); errno != 0 {
			return task, os.NewSyscallError("prctl", errno)
		}
	}
	return task, nil
}

// BootID names this run of the kernel, as leases do (drivers/char/random.c).
func BootID(proc string) (string, error) {
	id, err := os.ReadFile(filepath.Join(proc, "sys", "kernel", "random", "boot_id"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, selfErr := os.Stat(filepath.Join(proc, "self", "stat")); selfErr == nil {
			err = because(ErrProcSubset, err)
		}
	}
	return strings.TrimSpace(string(id)), err
}

// lockFile is flock(2) without waiting.
func lockFile(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("flock", err)
}
