package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// zombies is how many children that have ended spawn leaves unreaped. A zombie
// keeps its name, so that who comes a little late can still read it.
const zombies = 500

// spawn runs a program that many times, and prints how many ended with a status
// other than 0.
func spawn(args []string) error {
	n, err := number(args[0])
	if err != nil {
		return err
	}
	failed := 0
	pids := make([]int, 0, n)
	reap := func(left int) error {
		for ; len(pids) > left; pids = pids[1:] {
			var status unix.WaitStatus
			if _, err := unix.Wait4(pids[0], &status, 0, nil); err != nil {
				return os.NewSyscallError("wait4", err)
			}
			if status != 0 {
				failed++
			}
		}
		return nil
	}
	for range n {
		pid, err := syscall.ForkExec(args[1], args[1:], nil)
		if err != nil {
			return err
		}
		pids = append(pids, pid)
		if err := reap(zombies); err != nil {
			return err
		}
	}
	if err := reap(0); err != nil {
		return err
	}
	fmt.Println(failed)
	return nil
}

// storm runs a program at full speed, one after the other, and prints how often.
// Nothing is left of one when the next is started.
func storm(args []string) error {
	seconds, err := number(args[0])
	if err != nil {
		return err
	}
	n := 0
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); n++ {
		pid, err := syscall.ForkExec(args[1], args[1:], nil)
		if err != nil {
			return err
		}
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
			return os.NewSyscallError("wait4", err)
		}
		if status != 0 {
			return fmt.Errorf("%s ended with status %#x", args[1], status)
		}
	}
	fmt.Println(n)
	return nil
}

// exec0 starts a program without even its name among the arguments. From Linux
// 5.18 on the kernel makes that one empty argument.
func exec0(args []string) error {
	path, err := unix.BytePtrFromString(args[0])
	if err != nil {
		return err
	}
	var none [1]uintptr
	//nolint:gosec // G103: these are pointers of execve(2)
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&none)), uintptr(unsafe.Pointer(&none)))
	return os.NewSyscallError("execve", errno)
}
