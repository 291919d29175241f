// Command init is the first process of a guest: it makes the machine one that
// tests can run on, runs them, and switches the machine off.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

func main() {
	// Whatever goes wrong goes to the console, and a guest that is switched off
	// without having said that it was done has failed.
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintf(os.Stderr, "init: power off: %v\n", err)
	}
}

func run() error {
	if err := prepare(); err != nil {
		return err
	}
	plan, err := wire.ReadPlan()
	if err != nil {
		return err
	}
	port, err := openPort(wire.Port)
	if err != nil {
		return err
	}

	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	if err := report(port, wire.Kernel, unix.ByteSliceToString(u.Release[:]), clock()); err != nil {
		return err
	}
	for _, r := range plan.Runs {
		if err := report(port, wire.Begin, r.Name); err != nil {
			return err
		}
		how, err := runTests(port, plan.Env, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		if err := report(port, wire.End, r.Name, how); err != nil {
			return err
		}
	}
	if err := report(port, wire.Off, clock()); err != nil {
		return err
	}
	// Closing does not wait for what is still in the kernel's buffer.
	return unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1)
}

// clock returns what the clock says that all time limits in the guest go by.
func clock() string {
	var now unix.Timespec
	// It cannot fail, and 0 would be noticed.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) //nolint:errcheck // as said
	return strconv.FormatInt(now.Nano(), 10)
}

func report(port *os.File, kind string, words ...string) error {
	// What a test printed last may be half a line.
	if _, err := port.WriteString("\n" + wire.Line(kind, words...)); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	return nil
}

// runTests runs one test binary, and says how it ended. Processes that their
// parents left behind end up here as well, and are buried.
func runTests(port *os.File, env []string, r wire.Run) (string, error) {
	path := filepath.Join(wire.Tests, r.Name)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer null.Close()
	child, err := os.StartProcess(path, append([]string{path}, r.Args...), &os.ProcAttr{
		Dir:   "/tmp",
		Env:   env,
		Files: []*os.File{null, port, port},
	})
	if err != nil {
		return "", err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR) || err == nil && pid != child.Pid:
			continue
		case err != nil:
			return "", fmt.Errorf("wait: %w", err)
		case status.Signaled():
			return "ended by " + status.Signal().String(), nil
		case status.ExitStatus() != 0:
			return fmt.Sprintf("exit status %d", status.ExitStatus()), nil
		}
		return "ok", nil
	}
}
