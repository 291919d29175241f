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

	"golang.org/x/sys/unix"
)

const (
	// hostPatience bounds how long a session waits for another one that is at work on
	// the kernel's count, which takes milliseconds.
	hostPatience = 500 * time.Millisecond
	// hostGrace is how long a member may take to be gone whose process has been killed:
	// the kernel frees its lease and its socket one after the other.
	hostGrace = 300 * time.Millisecond
	// hostBudget bounds how long one repair takes, which raises the count by some
	// 100,000 in that time.
	hostBudget = 200 * time.Millisecond
)

// hostSystem is this machine, with proc mounted there.
func hostSystem(proc string) system {
	return system{
		dial:        func() (socket, error) { return dialSession() },
		dialPassive: func() (socket, error) { return dialPassive() },
		obstacle:    func() error { return obstacle(proc) },
		rename:      renameThread,
		members:     func() (map[Member]bool, bool, error) { return listMembers(proc) },
		bootID:      func() (string, error) { return readBootID(proc) },
		flock:       lockFile,
		uid:         os.Geteuid(),
		patience:    hostPatience,
		grace:       hostGrace,
		budget:      hostBudget,
	}
}

// renameThread has a thread take the name that it has already, which the kernel
// reports like any other renaming (proc_comm_connector, called for PR_SET_NAME in
// kernel/sys.c), while nobody who looks at the thread sees a change.
//
// It is never the first thread: that one's renamings are the process's, which
// filters let through.
func renameThread() (task Task, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	task = Task{PID: int32(unix.Gettid()), TGID: int32(unix.Getpid())}
	if task.Leader() {
		// As long as this goroutine keeps the first thread, another has another.
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
		// The bare call: unix.Prctl takes the address as a number, and by the time
		// the kernel gets it the stack may have moved.
		//nolint:gosec // G103: it is a pointer of prctl(2)
		if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, option, uintptr(unsafe.Pointer(&name)), 0); errno != 0 {
			return task, os.NewSyscallError("prctl", errno)
		}
	}
	return task, nil
}

// readBootID returns what the kernel makes anew each time it starts
// (drivers/char/random.c).
func readBootID(proc string) (string, error) {
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
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}
