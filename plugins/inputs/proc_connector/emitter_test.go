//go:build linux

package proc_connector

import (
	"errors"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/redact"
)

func TestEmitterFields(t *testing.T) {
	at := time.Unix(1700000000, 42)
	full := execEvent{
		details: details{command: "sh", ppid: 9, uid: 4000000000, exe: "/bin/da\nsh", cwd: "/tmp", unit: "cron.service", container: "abc"},
		time:    at, pid: 10, uidKnown: true, parentCommand: "bash",
	}
	tests := map[string]struct {
		fields  []string
		program bool
		event   execEvent
		want    map[string]interface{}
	}{
		"all": {
			fields: execFields, event: full,
			want: map[string]interface{}{
				"pid": int64(10), "ppid": int64(9), "uid": uint64(4000000000), "user": "4000000000", "parent_command": "bash",
				"cmdline": "sh -c 'a b'", "exe": `/bin/da\nsh`, "cwd": "/tmp", "unit": "cron.service", "container_id": "abc", "detail": "full",
			},
		},
		"none": {event: full, want: map[string]interface{}{"detail": "full"}},
		"program only": {
			fields: []string{"cmdline"}, program: true, event: full,
			want: map[string]interface{}{"cmdline": "sh", "detail": "full"},
		},
		"what is not known is left out": {
			fields: execFields, event: execEvent{details: details{command: "sh", gone: true}, time: at, pid: 1},
			want: map[string]interface{}{"pid": int64(1), "cmdline": "sh -c 'a b'", "detail": "gone"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var acc testutil.Accumulator
			e := newEmitter(&acc, tt.fields, tt.program, 100)
			e.users.Lookup = func(string) (*user.User, error) { return nil, errors.New("nobody has it") }
			event := tt.event
			event.cmdline = []byte("sh\x00-c\x00a b\x00")
			e.offer(&event)
			e.close()
			e.run()
			testutil.RequireMetricsEqual(t,
				[]telegraf.Metric{metric.New("proc_connector_exec", map[string]string{"command": "sh"}, tt.want, at)},
				acc.GetTelegrafMetrics())
			require.Zero(t, e.queued.Load())
			require.Zero(t, e.dropped.Load())
		})
	}
}

// What was cut when it was read still shows as cut, although masks have made it
// short enough.
func TestEmitterRedacts(t *testing.T) {
	const limit = 40
	secret := strings.Repeat("x", 100)
	e := newEmitter(&testutil.Accumulator{}, []string{"cmdline"}, false, limit)
	redactor, err := redact.New([]string{`^emp-(.*)`})
	require.NoError(t, err)
	e.mask = redactor.Append
	for line, want := range map[string]string{
		"ls\x00-l\x00":                                  "ls -l",
		"tool\x00--token\x00abc\x00a b\x00":             "tool --token '***' 'a b'",
		"id\x00emp-4711\x00":                            "id 'emp-***'",
		"tool\x00--token=" + secret + "\x00":            "tool '--token=***'…",
		"tool\x00--token=" + secret + "\x00-v\x00":      "tool '--token=***'…",
		"tool\x00--name=" + secret + "\x00":             "tool --name=xxxxxxxxxxxxxxxxxxxxxxxxx…",
		"tool\x00--token=" + secret[:24] + "\x00":       "tool '--token=***'",
		"tool\x00--token=" + secret[:limit-12] + "\x00": "tool '--token=***'…",
	} {
		require.Equal(t, want, e.render([]byte(line[:min(len(line), limit+2)])), "%q", line)
	}
}

// Nobody takes metrics: the queue fills up to one of its bounds, the rest is
// counted, and offering never waits.
func TestEmitterDropsWhatDoesNotFit(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		var acc testutil.Accumulator
		e := newEmitter(&acc, []string{"pid"}, false, 100)
		const more = 100
		for range queueEvents + more {
			e.offer(&execEvent{})
		}
		require.EqualValues(t, more, e.dropped.Load())
		e.close()
		e.run()
		require.Len(t, acc.Metrics, queueEvents)
	})
	t.Run("bytes", func(t *testing.T) {
		var acc testutil.Accumulator
		const size = 64 << 10
		e := newEmitter(&acc, []string{"cmdline"}, false, size)
		line := strings.Repeat("x", size/2)
		for range 300 {
			e.offer(&execEvent{details: details{cmdline: []byte(line), cwd: line}})
		}
		fits := 300 - int(e.dropped.Load())
		require.InDelta(t, queueBytes/size, fits, 1)
		e.close()
		e.run()
		require.Len(t, acc.Metrics, fits)
		require.Zero(t, e.queued.Load())
	})
}
