// Package check holds what tests of the plugin ask again and again.
package check

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
)

// Poll is how often a condition without a notification is looked at.
const Poll = 2 * time.Millisecond

// Eventually waits until the condition holds.
func Eventually(t testing.TB, what string, limit time.Duration, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(pace.Wait(limit))
	for !condition() {
		require.True(t, time.Now().Before(deadline), "not within %s: %s", pace.Wait(limit), what)
		time.Sleep(Poll)
	}
}

// TrueOnce runs a program that does nothing, and returns its pid.
func TrueOnce(t testing.TB) int {
	t.Helper()
	cmd := exec.Command("/bin/true")
	require.NoError(t, cmd.Run())
	return cmd.Process.Pid
}

// Exited fails the test unless the process exited with the status.
func Exited(t testing.TB, want int, got syscall.WaitStatus) {
	t.Helper()
	require.True(t, got.Exited(), "ended by %s", got.Signal())
	require.Equal(t, want, got.ExitStatus())
}

// Killed fails the test unless the process was killed with SIGKILL.
func Killed(t testing.TB, got syscall.WaitStatus) {
	t.Helper()
	require.True(t, got.Signaled(), "exited with status %d", got.ExitStatus())
	require.Equal(t, syscall.SIGKILL, got.Signal())
}

// Alive reports whether the process exists and is no zombie: of a process that
// was left to init it is not up to us when it is reaped.
func Alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := State(stat)
	return state != 'Z' && state != 'X'
}

// State returns the state in the content of /proc/PID/stat. The name in brackets
// before it may contain anything.
func State(stat []byte) byte {
	return stat[bytes.LastIndexByte(stat, ')')+2]
}

// Errors returns the lines of a log that are errors.
func Errors(log string) []string { return lines(log, "E! ") }

// Warnings returns the lines of a log that are warnings.
func Warnings(log string) []string { return lines(log, "W! ") }

func lines(log, prefix string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}
