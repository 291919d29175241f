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
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

var update = flag.Bool("update", false, "write testcases/*/events.bin from events.txt")

// Each folder of testcases is a configuration, a proc mount, the datagrams that
// the kernel sent (in the byte order of this machine's kind, little-endian) and
// the metrics that come out. events.txt says in words what events.bin holds: a
// line is the time in nanoseconds, the type, and the data as the kernel lays it
// out.
func TestCases(t *testing.T) {
	folders, err := os.ReadDir("testcases")
	require.NoError(t, err)
	require.NotEmpty(t, folders)

	for _, f := range folders {
		t.Run(f.Name(), func(t *testing.T) {
			dir := filepath.Join("testcases", f.Name())
			if *update {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "events.bin"), encodeCase(t, filepath.Join(dir, "events.txt")), 0o640))
			}

			cfg := config.NewConfig()
			require.NoError(t, cfg.LoadConfig(filepath.Join(dir, "telegraf.conf")))
			require.Len(t, cfg.Inputs, 1)
			p, ok := cfg.Inputs[0].Input.(*ProcConnector)
			require.True(t, ok)
			p.Log = testutil.Logger{}
			require.NoError(t, p.Init())

			fs, err := procfs.Open(filepath.Join(dir, "proc"))
			require.NoError(t, err)
			var acc testutil.Accumulator
			e, err := p.emitter(&acc)
			require.NoError(t, err)
			c := newCollector(p, fs, e)
			require.NoError(t, c.scan())
			for _, event := range decodeCase(t, filepath.Join(dir, "events.bin")) {
				c.now = func() uint64 { return event.Timestamp }
				c.HandleEvents([]cnproc.Event{event})
			}
			require.NoError(t, c.finish())
			e.close()
			e.run()
			snap := c.snapshot()
			acc.AddMetric(snap.counters.metric(p.Threads, time.Now()))
			addCommands(&acc, snap.series, c.tags, &e.users, time.Now())

			parser := &influx.Parser{}
			require.NoError(t, parser.Init())
			expected, err := testutil.ParseMetricsFromFile(filepath.Join(dir, "expected.out"), parser)
			require.NoError(t, err)

			// The counters have the time of the gather; the others that of the event.
			events := func(metrics []telegraf.Metric) []telegraf.Metric {
				var out []telegraf.Metric
				for _, m := range metrics {
					if m.Name() == "proc_connector_exec" || m.Name() == "proc_connector_exit" {
						out = append(out, m)
					}
				}
				return out
			}
			actual := acc.GetTelegrafMetrics()
			testutil.RequireMetricsEqual(t, expected, actual, testutil.SortMetrics(), testutil.IgnoreTime(), testutil.IgnoreType())
			testutil.RequireMetricsEqual(t, events(expected), events(actual), testutil.IgnoreType())
		})
	}
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
	types := map[string]cnproc.What{
		"fork": cnproc.WhatFork, "exec": cnproc.WhatExec, "uid": cnproc.WhatUID, "gid": cnproc.WhatGID, "sid": cnproc.WhatSID,
		"ptrace": cnproc.WhatPtrace, "comm": cnproc.WhatComm, "coredump": cnproc.WhatCoredump, "exit": cnproc.WhatExit,
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
			if what == cnproc.WhatComm && i == 2 {
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
