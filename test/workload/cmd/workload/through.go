package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// through replaces the process in one of the ways in which the kernel is not told
// the program's name.
func through(args []string) error {
	way, argv := args[0], args[1:]
	if way == "exe" {
		return os.NewSyscallError("execve", syscall.Exec("/proc/self/exe", argv, os.Environ()))
	}
	program, err := open(way, argv[0])
	if err != nil {
		return err
	}
	// Without O_CLOEXEC, because the interpreter of a script opens it anew.
	fd, err := unix.Dup(int(program.Fd()))
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	if err := program.Close(); err != nil { // nobody may have it open for writing
		return err
	}
	switch way {
	case "fd", "memfd":
		return os.NewSyscallError("execveat", execveat(fd, argv))
	case "path", "memfdpath", "deleted":
		return os.NewSyscallError("execve", syscall.Exec("/proc/self/fd/"+strconv.Itoa(fd), argv, os.Environ()))
	}
	return fmt.Errorf("%w: no way %q", errUsage, way)
}

// open opens a program, or a copy of it without a name.
func open(way, path string) (*os.File, error) {
	program, err := os.Open(path)
	if err != nil || way == "fd" || way == "path" {
		return program, err
	}
	defer program.Close()
	var fd int
	if way == "deleted" {
		var dir string
		if dir, err = os.MkdirTemp("", "workload"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		fd, err = unix.Open(filepath.Join(dir, filepath.Base(path)), unix.O_CREAT|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o700)
	} else {
		fd, err = unix.MemfdCreate(filepath.Base(path), unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, os.NewSyscallError(way, err)
	}
	made := os.NewFile(uintptr(fd), path)
	defer made.Close()
	if _, err := io.Copy(made, program); err != nil {
		return nil, err
	}
	return os.Open("/proc/self/fd/" + strconv.Itoa(fd))
}

// execveat is what fexecve(3) does.
func execveat(fd int, argv []string) error {
	pointers := func(texts []string) ([]*byte, error) {
		list := make([]*byte, 0, len(texts)+1)
		for _, text := range texts {
			p, err := unix.BytePtrFromString(text)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		return append(list, nil), nil
	}
	arguments, err := pointers(argv)
	if err != nil {
		return err
	}
	environment, err := pointers(os.Environ())
	if err != nil {
		return err
	}
	var empty [1]byte
	//nolint:gosec // G103: these are pointers of execveat(2)
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&environment[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

// title overwrites the arguments of the process with a title, as setproctitle(3)
// does, says so, and lives until its standard input ends.
func title(args []string) error {
	// The arguments lie one behind the other, each ended by a NUL, and those of Go
	// are the same bytes.
	length := 0
	for _, arg := range os.Args {
		length += len(arg) + 1
	}
	text := args[0]
	//nolint:gosec // G103: the memory of the arguments is the process's own
	memory := unsafe.Slice(unsafe.StringData(os.Args[0]), length-1)
	if len(text) >= len(memory) {
		return fmt.Errorf("%w: the title is too long", errUsage)
	}
	text = string(append([]byte(nil), text...)) // args are overwritten, too
	clear(memory)
	copy(memory, text)
	if _, err := fmt.Println("ready"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
