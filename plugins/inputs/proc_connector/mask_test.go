//go:build linux

package proc_connector

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// Masking takes its time, so it happens where events are emitted: not on the
// thread that receives them. Lines in which something was masked are counted.
func TestMasking(t *testing.T) {
	for arguments, want := range map[string]struct {
		masked   uint64 // of the lines of three execs and one exit
		calls    int
		password string
	}{
		"redacted": {masked: 3, calls: 4, password: "'--password=***'"},
		"options":  {masked: 4, calls: 4, password: "'--password=*'"},
		"full":     {password: "--password=Tr0ub4dor"},
		"none":     {password: "mysqldump"},
	} {
		t.Run(arguments, func(t *testing.T) {
			dir := filepath.Join("testcases", "options")
			p := newPlugin(t)
			p.Arguments, p.ExitEvents, p.ExecFields = arguments, "all", []string{"cmdline"}
			require.NoError(t, p.Init())
			fs, err := procfs.Open(filepath.Join(dir, "proc"))
			require.NoError(t, err)
			var acc testutil.Accumulator
			e, err := p.emitter(&acc)
			require.NoError(t, err)
			emitting, calls := false, 0
			if mask := e.mask; mask != nil {
				e.mask = func(dst, raw []byte) ([]byte, bool) {
					require.True(t, emitting, "masks while it receives")
					calls++
					return mask(dst, raw)
				}
			}

			c := newTracker(p, fs, e)
			require.NoError(t, c.scan())
			for _, event := range decodeCase(t, filepath.Join(dir, "events.bin")) {
				c.clock.monotonic = func() uint64 { return event.Timestamp }
				c.take(&event)
			}
			c.finish()
			require.NoError(t, fs.Close())
			require.EqualValues(t, 4, e.count.Load())
			emitting = true
			e.close()
			e.run()

			require.Equal(t, want.calls, calls)
			require.Equal(t, want.masked, e.redacted.Load())
			require.Zero(t, e.queued.Load())
			for _, m := range acc.GetTelegrafMetrics() {
				if command, _ := m.GetTag("command"); command == "mysqldump" {
					line, ok := m.GetField("cmdline")
					require.True(t, ok)
					require.Contains(t, line, want.password)
				}
			}
		})
	}
}

// The arguments that wait to be masked are bounded in bytes, those of exits too,
// however long a line may be.
func TestQueuedArgumentsAreBounded(t *testing.T) {
	line := strings.Repeat("x", int(maxCmdline))
	const offered = 1000
	for name, ev := range map[string]func() event{
		"execs": func() event {
			ev := new(execEvent)
			ev.cmdline = append(ev.room[:0], []byte(line)...)
			return ev
		},
		"exits": func() event {
			table := processes.NewTable(processes.NewSet(1, time.Hour, processes.Tags{}, nil))
			p := table.Enter(1)
			table.KeepArguments(p, []byte(line))
			return &ending{process: *p}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEmitter(&testutil.Accumulator{}, []string{"cmdline"}, false, len(line))
			for range offered {
				e.offer(ev())
			}
			require.LessOrEqual(t, e.queued.Load(), int64(queueBytes+len(line)))
			require.EqualValues(t, offered, int(e.count.Load())+int(e.dropped.Load()))
		})
	}
}
