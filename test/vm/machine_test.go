package vm

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

// fake returns a machine whose qemu is a shell script. It finds the accelerator
// in $accel, and its standard error is the console.
func fake(t *testing.T, script string) *machine {
	t.Helper()
	program := filepath.Join(t.TempDir(), "qemu")
	text := `#!/bin/sh
while [ $# -gt 0 ]; do
	case $1 in
	-accel) accel=$2 ;;
	file:*) exec 2>"${1#file:}" ;;
	esac
	shift
done
` + script + "\n"
	require.NoError(t, os.WriteFile(program, []byte(text), 0o700)) //nolint:gosec // G306: it is run
	return &machine{
		program:      program,
		accelerators: []string{"one"},
		kernel:       "kernel",
		image:        "image",
		bootLimit:    10 * time.Second,
		limit:        20 * time.Second,
	}
}

// report is a shell command that prints a line of the report.
func report(kind string, words ...string) string {
	return "printf '" + wire.Line(kind, words...) + "'\n"
}

func TestMachine(t *testing.T) {
	var lines []string
	m := fake(t, report(wire.Kernel, "6.1.0")+"echo output\n"+report(wire.Off))
	require.NoError(t, m.run(t, func(line string) { lines = append(lines, line) }))
	require.Equal(t, []string{wire.Line(wire.Kernel, "6.1.0"), "output\n", wire.Line(wire.Off)}, lines)
}

func TestMachineFails(t *testing.T) {
	begun := report(wire.Kernel, "6.1.0") + report(wire.Begin, "some")
	for name, tt := range map[string]struct{ script, want string }{
		"silent":       {"exit 0", "did not start: the guest went off before all was over"},
		"cannot start": {"exit 3", "did not start: exit status 3"},
		"hangs early":  {"echo BIOS; exec sleep 60", "did not start: not a word within 100ms"},
		"hangs late":   {begun + "exec sleep 60", "the guest was not off within 200ms"},
		"goes off":     {begun + "exit 0", "the guest went off before all was over"},
		"crashes":      {begun + report(wire.Off) + "kill -SEGV $$", "segmentation fault"},
	} {
		t.Run(name, func(t *testing.T) {
			m := fake(t, "echo some boot messages >&2\n"+tt.script)
			if name == "hangs early" || name == "hangs late" {
				m.bootLimit, m.limit = 100*time.Millisecond, 200*time.Millisecond
			}
			err := m.run(t, func(string) {})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "--- the end of its console\nsome boot messages\n")
		})
	}
}

func TestMachineFallsBack(t *testing.T) {
	m := fake(t, `[ "$accel" = two ] || exit 1`+"\n"+report(wire.Off))
	m.accelerators = []string{"one", "two"}
	require.NoError(t, m.run(t, func(string) {}))

	// Not when the guest has said something.
	m = fake(t, report(wire.Kernel, "6.1.0")+`[ "$accel" = two ]`)
	m.accelerators = []string{"one", "two"}
	require.Error(t, m.run(t, func(string) {}))
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	require.NoError(t, os.WriteFile(path, []byte("one\r\ntwo\r\nthree"), 0o600))
	require.Equal(t, "two\nthree", tail(path, 2))
	require.Equal(t, "one\ntwo\nthree", tail(path, 9))
}
