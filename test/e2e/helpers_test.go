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
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

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
