package main

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
)

// sleep50 lives long enough for any reader of /proc; the arguments are there to
// be seen in its command line. On a slow machine that takes longer.
func sleep50([]string) error {
	time.Sleep(pace.Limit(50 * time.Millisecond))
	return nil
}

func exit(args []string) error {
	status, err := number(args[0])
	if err != nil {
		return err
	}
	os.Exit(status) //nolint:revive // deep-exit: this is what was asked for
	return nil
}

func signal(args []string) error {
	sig := unix.SignalNum(args[0])
	if sig == 0 {
		return fmt.Errorf("%w: no signal %q", errUsage, args[0])
	}
	return die(sig)
}

// abort ends as abort(3) does. Whether that leaves a core file is up to
// RLIMIT_CORE, which is inherited.
func abort([]string) error { return die(unix.SIGABRT) }

// die sends the process a signal that does to it what it does to any program:
// the Go runtime has handlers for most, which end the process in other ways.
func die(sig unix.Signal) error {
	// struct sigaction of the kernel, where all zeros mean SIG_DFL, with room
	// for the layout of any architecture; the mask has 8 bytes.
	var action [8]uint64
	if sig != unix.SIGKILL && sig != unix.SIGSTOP {
		if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION,
			uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0); errno != 0 { //nolint:gosec // G103: it is a pointer of rt_sigaction(2)
			return os.NewSyscallError("rt_sigaction", errno)
		}
	}
	if err := unix.Kill(unix.Getpid(), sig); err != nil {
		return os.NewSyscallError("kill", err)
	}
	time.Sleep(time.Second)
	return fmt.Errorf("survived %s", unix.SignalName(sig))
}

// setuid changes the ids of the main thread and prints them as /proc shows them.
func setuid(args []string) error {
	uid, err := number(args[0])
	if err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETUID, uintptr(uid), 0, 0); errno != 0 {
		return os.NewSyscallError("setuid", errno)
	}
	return printStatus("Uid:")
}

// setsid prints the new session. It fails in the leader of a process group,
// such as a job of an interactive shell.
func setsid([]string) error {
	if _, err := unix.Setsid(); err != nil {
		return os.NewSyscallError("setsid", err)
	}
	sid, err := unix.Getsid(0)
	if err != nil {
		return os.NewSyscallError("getsid", err)
	}
	_, err = fmt.Println(sid)
	return err
}

// forknoexec forks children that end at once, one after the other.
func forknoexec(args []string) error {
	n, err := number(args[0])
	if err != nil {
		return err
	}
	for range n {
		pid, errno := forkAndExit()
		if errno != 0 {
			return os.NewSyscallError("clone", errno)
		}
		var status unix.WaitStatus
		if _, err := unix.Wait4(int(pid), &status, 0, nil); err != nil {
			return os.NewSyscallError("wait4", err)
		}
		if status != 0 {
			return fmt.Errorf("child %d ended with status %#x", pid, status)
		}
	}
	return nil
}

// forkAndExit is fork and, in the child, _exit. The child is a copy of a Go
// program with one thread only, in which nothing of the runtime works: nothing
// but raw system calls may happen there, not even a check of the stack's size.
//
//go:nosplit
//go:norace
func forkAndExit() (uintptr, unix.Errno) {
	// clone with no flags but the signal that the parent gets is fork, on
	// architectures without a system call of that name too.
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0) //nolint:errcheck // it does not return
		}
	}
	return pid, errno
}
