package procfs

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// uninterrupted repeats a system call as long as a signal interrupts it.
func uninterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// openDir holds a directory as a starting point for openat, without permission to read it.
func openDir(path string) (int, error) {
	return uninterrupted(func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

// openat opens path, which ends in a NUL, below dir. unix.Openat takes a Go string and
// copies it to the heap to end it with a NUL; here the caller's bytes go to the kernel as
// they are.
//
// This is Syscall6 and not RawSyscall6 for the sake of a process that makes the kernel
// wait: the runtime must know that this thread may be held up, or garbage collection would
// be held up with it.
func openat(dir int, path []byte) (int, error) {
	return uninterrupted(func() (int, error) {
		//nolint:gosec // G103: it is a pointer of openat(2)
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
			unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		if errno != 0 {
			return -1, errno
		}
		return int(fd), nil
	})
}

// readFile fills buf with a single read: all files that are read here give everything at
// once, and a second read would cost time during which the next process ends.
func readFile(dir int, path, buf []byte) (int, error) {
	fd, err := openat(dir, path)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return uninterrupted(func() (int, error) { return unix.Read(fd, buf) })
}

func readlinkat(dir int, path string, buf []byte) (int, error) {
	return uninterrupted(func() (int, error) { return unix.Readlinkat(dir, path, buf) })
}

// unused reports whether no process has the id. Unlike a look into /proc it never waits,
// so that the runtime, which wakes a thread to watch over calls that may, need not know.
func unused(pid int32) bool {
	fd, _, errno := unix.RawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	if errno == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0) //nolint:errcheck // it is not in use
	}
	return errno == unix.ESRCH
}
