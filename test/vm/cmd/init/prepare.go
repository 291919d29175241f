package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// prepare does what a distribution's start does, as far as tests need it.
func prepare() error {
	for _, m := range []struct{ fs, dir, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", "mode=0755"},
	} {
		if err := unix.Mount(m.fs, m.dir, m.fs, unix.MS_NOSUID, m.options); err != nil {
			return fmt.Errorf("mounting %s: %w", m.dir, err)
		}
	}
	// Only what is worse than an error comes onto the console.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("3 4 1 3"), 0o600); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("guest")); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("interface lo: %w", err)
	}
	return nil
}

func loopbackUp() (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// openPort opens a serial port that passes on every byte as it is.
func openPort(path string) (*os.File, error) {
	// Without O_NOCTTY it would become the terminal of the first process, and
	// with O_NONBLOCK programs that inherit it would not expect that.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	port := os.NewFile(uintptr(fd), path)
	termios, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("settings of %s: %w", path, err), port.Close())
	}
	termios.Iflag, termios.Oflag, termios.Lflag = 0, 0, 0
	termios.Cflag |= unix.CLOCAL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, termios); err != nil {
		return nil, errors.Join(fmt.Errorf("settings of %s: %w", path, err), port.Close())
	}
	return port, nil
}
