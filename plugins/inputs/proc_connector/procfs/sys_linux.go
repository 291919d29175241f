package procfs

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openDir holds a directory as a starting point for openat, without the right
// to read it.
func openDir(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// openat opens path, which ends in a NUL, below dir. unix.Openat takes a Go
// string and copies it to the heap to end it with a NUL; here the caller's
// bytes go to the kernel as they are.
//
// This is Syscall6 and not RawSyscall6 for the sake of a process that makes the
// kernel wait: the runtime must know that this thread may be held up, or
// garbage collection would be held up with it.
func openat(dir int, path []byte) (int, error) {
	for {
		//nolint:gosec // G103: it is a pointer of openat(2)
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
			unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

func read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func readlinkat(dir int, path string, buf []byte) (int, error) {
	for {
		n, err := unix.Readlinkat(dir, path, buf)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// closeFD is not repeated on EINTR: Linux has freed the number by then.
func closeFD(fd int) error { return unix.Close(fd) }
