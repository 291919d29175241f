//go:build linux

package proc_connector

import (
	"os/user"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/redact"
)

// maxAllocs is how many allocations the metric of an exec may cost.
const maxAllocs = 34

// unchanged is a MetricMaker, as the program has one.
type unchanged struct{}

func (unchanged) LogName() string                              { return "" }
func (unchanged) MakeMetric(m telegraf.Metric) telegraf.Metric { return m }
func (unchanged) Log() telegraf.Logger                         { return testutil.Logger{} }

// An execPath is the way of an exec's metric with the default options: the event
// with all its texts, which were read into buffers, its queue, the metric,
// Telegraf's accumulator, and the line of line protocol. What is not in it is the
// reading itself, the process table and the write.
type execPath struct {
	emitter    *emitter
	metrics    chan telegraf.Metric
	serializer *influx.Serializer
	at         time.Time

	arguments, exe, cwd []byte
}

func newExecPath(tb testing.TB) *execPath {
	tb.Helper()
	p, ok := inputs.Inputs["proc_connector"]().(*ProcConnector)
	require.True(tb, ok)
	metrics := make(chan telegraf.Metric, 1)
	x := &execPath{
		emitter:    newEmitter(agent.NewAccumulator(unchanged{}, metrics), p.ExecFields, false, int(p.MaxCmdline)),
		metrics:    metrics,
		serializer: &influx.Serializer{},
		at:         time.Unix(1700000000, 0),
		arguments:  []byte("/usr/bin/python3\x00-m\x00http.server\x00--bind\x00127.0.0.1\x008000\x00"),
		exe:        []byte("/usr/bin/python3.11"),
		cwd:        []byte("/var/lib/backup"),
	}
	redactor, err := redact.New(nil)
	require.NoError(tb, err)
	x.emitter.mask = redactor.Append
	x.emitter.users.Lookup = func(string) (*user.User, error) { return &user.User{Username: "backup"}, nil }
	require.NoError(tb, x.serializer.Init())
	return x
}

// line takes one exec all the way.
func (x *execPath) line() ([]byte, error) {
	e := x.emitter
	x.at = x.at.Add(time.Millisecond)
	ev := &execEvent{
		details: details{command: "python3", ppid: 4711, uid: 1000, exe: string(x.exe), cwd: string(x.cwd)},
		time:    x.at, pid: 123456, uidKnown: true, parentCommand: "bash",
	}
	ev.cmdline = append(ev.room[:0], x.arguments...)
	e.offer(ev)
	e.batch = e.batch[:0]
	e.emit(ev)
	return x.serializer.Serialize(<-x.metrics)
}

func TestExecAllocations(t *testing.T) {
	x := newExecPath(t)
	text, err := x.line()
	require.NoError(t, err)
	require.Equal(t, `proc_connector_exec,command=python3 pid=123456i,ppid=4711i,parent_command="bash",`+
		`cmdline="/usr/bin/python3 -m http.server --bind 127.0.0.1 8000",exe="/usr/bin/python3.11",cwd="/var/lib/backup",`+
		`user="backup",detail="full" 1700000000001000000`+"\n", string(text))
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := x.line(); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, allocs, float64(maxAllocs))
	require.Zero(t, x.emitter.dropped.Load())
}

func BenchmarkEmit(b *testing.B) {
	x := newExecPath(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.line(); err != nil {
			b.Fatal(err)
		}
	}
}
