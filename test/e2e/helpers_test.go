// Package e2e_test runs the plugin as users do: the real program alone, under a
// real Telegraf, and inside a process, always on the live kernel.
package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

// poll is how often a condition without a notification is looked at.
const poll = 2 * time.Millisecond

// listeners is the kernel's listener count relative to what it was when the test
// began. The count is the machine's, so a value is waited for rather than read
// once: another program may come and go meanwhile.
type listeners struct {
	t      *testing.T
	reader *truecount.Reader
	before int32
}

// guard is truecount.Guard for a test that also looks at the count on the way.
// It comes first in the test.
func guard(t *testing.T) *listeners {
	t.Helper()
	truecount.Guard(t)
	r, err := truecount.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	l := &listeners{t: t, reader: r}
	l.before, err = r.Read()
	require.NoError(t, err)
	return l
}

// above returns by how much the count is above that of the beginning.
func (l *listeners) above() int32 {
	l.t.Helper()
	n, err := l.reader.Read()
	require.NoError(l.t, err)
	return n - l.before
}

// require waits until the count is that much above the beginning.
func (l *listeners) require(want int32) {
	l.t.Helper()
	l.requireWithin(want, time.Second)
}

func (l *listeners) requireWithin(want int32, limit time.Duration) {
	l.t.Helper()
	deadline := time.Now().Add(pace.Limit(limit))
	for {
		got := l.above()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			require.Equal(l.t, want, got, "listeners above the %d of the beginning, for %s", l.before, limit)
		}
		time.Sleep(poll)
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, limit time.Duration, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(pace.Limit(limit))
	for !condition() {
		require.True(t, time.Now().Before(deadline), "not within %s: %s", limit, what)
		time.Sleep(poll)
	}
}

// alive reports whether the process exists and is no zombie: of a process that
// was left to init it is not up to us when it is reaped.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := stateOf(stat)
	return state != 'Z' && state != 'X'
}

// stateOf returns the state in the content of /proc/PID/stat. The name in brackets
// before it may contain anything.
func stateOf(stat []byte) byte {
	return stat[bytes.LastIndexByte(stat, ')')+2]
}

// trueOnce runs a program that does nothing, and returns its pid.
func trueOnce(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/bin/true")
	require.NoError(t, cmd.Run())
	return cmd.Process.Pid
}

// requireExited fails the test unless the process exited with the status.
func requireExited(t *testing.T, want int, got syscall.WaitStatus) {
	t.Helper()
	require.True(t, got.Exited(), "ended by %s", got.Signal())
	require.Equal(t, want, got.ExitStatus())
}

// errorLines returns the lines of a log that are errors.
func errorLines(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "E! ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// lines yields the metrics of a stream, one line after the other, up to its end.
func lines(t *testing.T, r io.Reader) iter.Seq[telegraf.Metric] {
	t.Helper()
	return func(yield func(telegraf.Metric) bool) {
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			metrics, err := plugin.Parse(scanner.Text() + "\n")
			require.NoError(t, err)
			require.Len(t, metrics, 1, "one metric a line")
			if !yield(metrics[0]) {
				return
			}
		}
		require.NoError(t, scanner.Err())
	}
}
