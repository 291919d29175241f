package main

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"
)

// A countingWriter counts writes.
type countingWriter struct {
	io.Writer
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return w.Writer.Write(p)
}

// Metrics as fast as they can be written into a pipe whose reader does nothing
// else.
func BenchmarkOutput(b *testing.B) {
	r, w, err := os.Pipe()
	require.NoError(b, err)
	defer r.Close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 64<<10)) //nolint:errcheck // it ends with the pipe
	}()

	counted := &countingWriter{Writer: w}
	o := newOutput(counted, newLogger(io.Discard))
	m := anExec()
	b.ReportAllocs()
	for b.Loop() {
		o.AddMetric(m)
	}
	o.close()
	require.NoError(b, context.Cause(o.failed))
	require.NoError(b, w.Close())
	<-drained
	b.ReportMetric(float64(b.N)/float64(counted.writes), "metrics/write")
}

// anExec is a metric like that of an exec, of about 250 bytes.
func anExec() telegraf.Metric {
	return metric.New("proc_connector_exec", map[string]string{"command": "worker"}, map[string]any{
		"pid": int64(123456), "ppid": int64(4711), "parent_command": "bash", "user": "root", "detail": "full",
		"cmdline": "/usr/bin/worker --job=4711 --option-0=value --option-1=value --option-2=value",
		"exe":     "/usr/bin/worker", "cwd": "/var/lib/worker",
	}, time.Unix(1700000000, 0))
}
