package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

const (
	// bootLimit is how long a guest may take to its first word.
	bootLimit = 3 * time.Minute
	// suiteLimit is how long the tests of one package may take there, and
	// guestLimit a guest in all.
	suiteLimit = 10 * time.Minute
	guestLimit = 12 * time.Minute
	// consoleTail is how much of the console is shown when a guest fails.
	consoleTail = 60
)

// commandLine is the kernel's command line: speak on the first serial port, end when
// something is badly wrong, and spare an emulated machine what slows it down.
const commandLine = "console=ttyS0 quiet panic=-1 oops=panic mitigations=off audit=0 apparmor=0 tsc=reliable"

var errNoBoot = errors.New("the guest did not start")

// accelerators are the ways in which qemu can run a guest here, best first.
func accelerators() []string {
	if kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		kvm.Close()
		return []string{"kvm", "tcg,thread=multi"}
	}
	return []string{"tcg,thread=multi"}
}

// run boots the kernel and passes on each line of the report. It returns once the
// guest is off, with an error unless that is how it had to end.
func run(t testing.TB, kernel, image string, line func(string)) error {
	t.Helper()
	for _, accel := range accelerators() {
		err := boot(t, accel, kernel, image, line)
		// Some machines have a KVM that cannot run these kernels.
		if strings.HasPrefix(accel, "kvm") && errors.Is(err, errNoBoot) {
			t.Logf("Falling back to emulation: %v", err)
			continue
		}
		return err
	}
	return nil
}

func boot(t testing.TB, accel, kernel, image string, line func(string)) error {
	t.Helper()
	console := filepath.Join(t.TempDir(), "console")
	ctx, cancel := context.WithTimeoutCause(t.Context(), guestLimit, fmt.Errorf("the guest was not off after %s", guestLimit))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	starting := time.AfterFunc(bootLimit, func() { stop(fmt.Errorf("%w within %s", errNoBoot, bootLimit)) })
	defer starting.Stop()

	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-accel", accel, "-cpu", "max", "-smp", "2", "-m", "1G",
		"-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:"+console, "-serial", "stdio",
		"-kernel", kernel, "-initrd", image, "-append", commandLine)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	started, off := false, false
	readErr := eachLine(out, func(text string) {
		kind, _, ok := wire.Parse(text)
		if ok && !started {
			started = true
			starting.Stop()
		}
		off = off || ok && kind == wire.Off
		line(text)
	})
	if readErr != nil {
		stop(readErr)
	}
	err = cmd.Wait()

	switch {
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = fmt.Errorf("qemu: %w\n%s", err, stderr.Bytes())
	case !off:
		err = errors.New("the guest went off before all tests were over")
	default:
		return nil
	}
	if !started && !errors.Is(err, errNoBoot) {
		err = fmt.Errorf("%w: %w", errNoBoot, err)
	}
	return fmt.Errorf("%w\n%s--- the end of its console\n%s", err, stderr.Bytes(), tail(console, consoleTail))
}

func eachLine(r io.Reader, f func(string)) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			f(line)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// tail returns the last lines of a file.
func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error() + "\n"
	}
	lines := strings.SplitAfter(strings.ReplaceAll(string(text), "\r", ""), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
