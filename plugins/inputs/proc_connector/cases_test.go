//go:build linux

package proc_connector

import (
	"bufio"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/parsers/influx"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

var update = flag.Bool("update", false, "write testcases/*/events.bin from events.txt")

// Each directory of testcases is a configuration, a proc mount, the datagrams that
// the kernel sent (in the byte order of this machine's kind, little-endian) and
// the metrics that come out. events.txt says in words what events.bin holds: a
// line is the time in nanoseconds, the type, and the data as the kernel lays it
// out.
func TestCases(t *testing.T) {
	directories, err := os.ReadDir("testcases")
	require.NoError(t, err)
	require.NotEmpty(t, directories)

	for _, f := range directories {
		dir := filepath.Join("testcases", f.Name())
		if *update {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "events.bin"), encodeCase(t, filepath.Join(dir, "events.txt")), 0o640))
		}
		for reader, catching := range map[string]bool{"caught": true, "read late": false} {
			t.Run(f.Name()+"/"+reader, func(t *testing.T) {
				parser := &influx.Parser{}
				require.NoError(t, parser.Init())
				expected, err := testutil.ParseMetricsFromFile(filepath.Join(dir, "expected.out"), parser)
				require.NoError(t, err)
				actual := runCase(t, dir, catching)
				testutil.RequireMetricsEqual(t, expected, actual, testutil.SortMetrics(), testutil.IgnoreTime(), testutil.IgnoreType())
				testutil.RequireMetricsEqual(t, eventMetrics(expected), eventMetrics(actual), testutil.IgnoreType())
			})
		}
	}
}

// runCase has the plugin start, receive the events of a case, gather and stop.
func runCase(t *testing.T, dir string, catching bool) []telegraf.Metric {
	t.Helper()
	cfg := config.NewConfig()
	require.NoError(t, cfg.LoadConfig(filepath.Join(dir, "telegraf.conf")))
	require.Len(t, cfg.Inputs, 1)
	p, ok := cfg.Inputs[0].Input.(*ProcConnector)
	require.True(t, ok)
	p.Log = testutil.Logger{}
	newReplay(t, p, filepath.Join(dir, "proc"), decodeCase(t, filepath.Join(dir, "events.bin")), catching)
	require.NoError(t, p.Init())

	var acc testutil.Accumulator
	require.NoError(t, p.Start(&acc))
	require.NoError(t, p.Gather(new(testutil.Accumulator))) // returns when all events were applied
	require.Eventually(t, func() bool { return p.service.emitter.count.Load() == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, p.Gather(&acc))
	p.Stop()
	require.Empty(t, acc.Errors)
	return acc.GetTelegrafMetrics()
}

// eventMetrics returns those that have the time of their event, and not of the gather.
func eventMetrics(metrics []telegraf.Metric) []telegraf.Metric {
	var out []telegraf.Metric
	for _, m := range metrics {
		if m.Name() == "proc_connector_exec" || m.Name() == "proc_connector_exit" {
			out = append(out, m)
		}
	}
	return out
}

// decodeCase reads a file of datagrams.
func decodeCase(t *testing.T, file string) []cnproc.Event {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var events []cnproc.Event
	for len(b) > 0 {
		n := binary.NativeEndian.Uint32(b)
		require.LessOrEqual(t, int(n), len(b))
		var e cnproc.Event
		require.NoError(t, cnproc.Decode(b[:n], &e))
		e.Time = time.Unix(0, int64(e.Timestamp))
		events = append(events, e)
		b = b[n:]
	}
	return events
}

// encodeCase turns the words of a file into datagrams.
func encodeCase(t *testing.T, file string) []byte {
	t.Helper()
	types := map[string]cnproc.EventType{
		"fork": cnproc.EventFork, "exec": cnproc.EventExec, "uid": cnproc.EventUID, "gid": cnproc.EventGID, "sid": cnproc.EventSID,
		"ptrace": cnproc.EventPtrace, "comm": cnproc.EventComm, "coredump": cnproc.EventCoredump, "exit": cnproc.EventExit,
	}
	text, err := os.Open(file)
	require.NoError(t, err)
	defer text.Close()

	var out []byte
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		what, ok := types[words[1]]
		require.True(t, ok, "%s: %q", file, words[1])
		at, err := strconv.ParseUint(words[0], 10, 64)
		require.NoError(t, err)

		data := make([]byte, 0, 24)
		for i, word := range words[2:] {
			if what == cnproc.EventComm && i == 2 {
				data = append(data, word...)
				break
			}
			n, err := strconv.ParseInt(word, 0, 64)
			require.NoError(t, err, "%s: %q", file, line)
			data = binary.NativeEndian.AppendUint32(data, uint32(n))
		}
		data = append(data, make([]byte, 24-len(data))...)

		const headers = 36
		b := binary.NativeEndian.AppendUint32(nil, headers+16+24) // nlmsg_len
		b = append(b, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		b = binary.NativeEndian.AppendUint32(b, 1) // CN_IDX_PROC
		b = binary.NativeEndian.AppendUint32(b, 1) // CN_VAL_PROC
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
		b = binary.NativeEndian.AppendUint16(b, 16+24)
		b = append(b, 0, 0)
		b = binary.NativeEndian.AppendUint32(b, uint32(what))
		b = append(b, 0, 0, 0, 0)
		b = binary.NativeEndian.AppendUint64(b, at)
		out = append(out, append(b, data...)...)
	}
	require.NoError(t, lines.Err())
	return out
}
