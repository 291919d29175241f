package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

const (
	// suiteLimit is how long the tests of one package may take in a guest.
	suiteLimit = 12 * time.Minute
	// consoleTail is how many lines of the console are shown when a guest fails.
	consoleTail = 60
)

// commandLine is the kernel's: speak on the first serial port, end when something
// is badly wrong, and spare an emulated machine what slows it down. The speed of
// its TSC the kernel measures when it boots, and on a busy host it gets that
// wrong by as much as a factor of ten, so that another clock has to do.
const commandLine = "console=ttyS0 quiet panic=-1 oops=panic mitigations=off audit=0 apparmor=0 tsc=unstable"

// machine is a virtual machine that runs a guest.
type machine struct {
	program       string // qemu
	accelerators  []string
	kernel, image string
	// bootLimit is how long the guest may take to its first word, and limit how
	// long it may take in all.
	bootLimit, limit time.Duration
}

func newMachine(kernel, image string) machine {
	m := machine{
		program:      "qemu-system-x86_64",
		accelerators: []string{"tcg,thread=multi"},
		kernel:       kernel,
		image:        image,
		bootLimit:    3 * time.Minute,
		limit:        35 * time.Minute,
	}
	if kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		kvm.Close()
		m.accelerators = append([]string{"kvm"}, m.accelerators...)
	}
	return m
}

// errNoBoot is in the error if the guest did not say a word.
var errNoBoot = errors.New("the guest did not start")

// run runs the guest and passes on each line of its report. It returns when the
// guest is off, with an error unless that is how it had to end.
//
// Some machines have a KVM that is of no use for a kernel, so that there may be
// more than one accelerator to try.
func (m *machine) run(t testing.TB, line func(string)) error {
	t.Helper()
	for {
		err := m.boot(t, line)
		if !errors.Is(err, errNoBoot) || len(m.accelerators) == 1 {
			return err
		}
		t.Logf("Without %q: %v", m.accelerators[0], err)
		m.accelerators = m.accelerators[1:]
	}
}

func (m *machine) boot(t testing.TB, line func(string)) error {
	t.Helper()
	console := filepath.Join(t.TempDir(), "console")
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	late := time.AfterFunc(m.limit, func() { stop(fmt.Errorf("the guest was not off within %s", m.limit)) })
	defer late.Stop()
	silent := time.AfterFunc(m.bootLimit, func() { stop(fmt.Errorf("not a word within %s", m.bootLimit)) })
	defer silent.Stop()

	cmd := exec.CommandContext(ctx, m.program,
		"-accel", m.accelerators[0], "-cpu", "max", "-smp", "2", "-m", "1G",
		"-nodefaults", "-display", "none", "-no-reboot",
		// The guest's ttyS0 and ttyS1.
		"-serial", "file:"+console, "-serial", "stdio",
		"-kernel", m.kernel, "-initrd", m.image, "-append", commandLine)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var started, off bool
	cmd.Stdout = &lineWriter{line: func(text string) {
		if kind, _, ok := wire.Parse(text); ok {
			started = true
			silent.Stop()
			off = off || kind == wire.Off
		}
		line(text)
	}}
	err := cmd.Run()

	switch {
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case err == nil && off:
		return nil
	case err == nil:
		err = errors.New("the guest went off before all was over")
	}
	if !started {
		err = fmt.Errorf("%w: %w", errNoBoot, err)
	}
	return fmt.Errorf("%w\n%s--- the end of its console\n%s", err, stderr.Bytes(), tail(console, consoleTail))
}

// lineWriter passes on whole lines, each with its end.
type lineWriter struct {
	line func(string)
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n') + 1
		if end == 0 {
			return len(p), nil
		}
		w.line(string(w.rest[:end]))
		w.rest = w.rest[end:]
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
