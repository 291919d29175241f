package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rename gives the main thread a name, over and over, and prints the name that
// the process has in the end.
func rename(args []string) error {
	n, err := number(args[1])
	if err != nil {
		return err
	}
	if err := setName(args[0], n); err != nil {
		return err
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(comm)
	return err
}

// setName names the calling thread n times. The loop does nothing but system
// calls, so that it causes events as fast as the kernel can make them.
func setName(name string, n int) error {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	for range n {
		//nolint:gosec // G103: it is a pointer of prctl(2)
		if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(p)), 0); errno != 0 {
			return os.NewSyscallError("prctl", errno)
		}
	}
	return nil
}

// threadexec replaces the process from a thread that is not its leader, which
// it proves by printing the thread's id first. The kernel ends the leader and
// gives its id to the thread.
func threadexec(args []string) error {
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	failed := make(chan error)
	go func() {
		// The main thread is taken, so this is another one, and it must stay
		// the same from here on.
		runtime.LockOSThread()
		if _, err := fmt.Println(unix.Gettid()); err != nil {
			failed <- err
			return
		}
		failed <- os.NewSyscallError("execve", syscall.Exec(program, args, os.Environ()))
	}()
	return <-failed
}

// ptrace attaches to a process and lets it go again, all from the main thread,
// as the kernel knows threads as tracers and not processes.
func ptrace(args []string) error {
	pid, err := number(args[0])
	if err != nil {
		return err
	}
	if err := unix.PtraceAttach(pid); err != nil {
		return os.NewSyscallError("ptrace attach", err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return os.NewSyscallError("wait4", err)
	}
	if !status.Stopped() {
		return fmt.Errorf("process %d did not stop: status %#x", pid, status)
	}
	if err := unix.PtraceDetach(pid); err != nil {
		return os.NewSyscallError("ptrace detach", err)
	}
	return nil
}

// leaderexit ends the main thread alone, as pthread_exit in main does, and the
// process some time after that, or when its standard input ends.
func leaderexit(args []string) error {
	last := func() { _, _ = io.Copy(io.Discard, os.Stdin) } //nolint:errcheck // it is an end, too
	if args[0] != "stdin" {
		ms, err := number(args[0])
		if err != nil {
			return err
		}
		last = func() { time.Sleep(time.Duration(ms) * time.Millisecond) }
	}
	go func() {
		last()
		os.Exit(0) //nolint:revive // deep-exit: the other end of the process
	}()
	// Syscall rather than RawSyscall: it tells the runtime that this thread is
	// in the kernel, and so leaves its share of the processors to others.
	_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
	return os.NewSyscallError("exit", errno)
}

// threads has that many threads beside the main one and the runtime's own alive
// at one time, prints how many the kernel counts, and ends them one by one.
func threads(args []string) error {
	n, err := number(args[0])
	if err != nil {
		return err
	}
	var alive, ended sync.WaitGroup
	end := make(chan struct{})
	for range n {
		alive.Add(1)
		ended.Go(func() {
			// Never unlocked: the thread ends with the goroutine.
			runtime.LockOSThread()
			alive.Done()
			<-end
		})
	}
	alive.Wait()
	err = printStatus("Threads:")
	close(end)
	ended.Wait()
	return err
}

// printStatus prints a line of the process's status.
func printStatus(key string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		if bytes.HasPrefix(line, []byte(key)) {
			_, err := os.Stdout.Write(line)
			return err
		}
	}
	return errors.New("no " + key + " in /proc/self/status")
}
