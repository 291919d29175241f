package main

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
)

// outputBatch is about how many bytes are written at once: as much as a pipe holds.
const outputBatch = 64 << 10

// An output is an accumulator that writes metrics as line protocol, all of a batch in one go.
type output struct {
	telegraf.Accumulator // passes each metric to MakeMetric

	log     *logger
	failed  context.Context // done when nothing is written any more, with the cause
	fail    context.CancelCauseFunc
	writing atomic.Bool

	mu         sync.Mutex // guards what follows; held while it writes
	w          io.Writer
	serializer influx.Serializer
	lines      []byte
	refused    uint64 // metrics that cannot be line protocol
}

func newOutput(w io.Writer, log *logger) *output {
	o := &output{w: w, log: log}
	o.failed, o.fail = context.WithCancelCause(context.Background())
	o.Accumulator = agent.NewAccumulator(o, nil)
	if err := o.serializer.Init(); err != nil {
		o.fail(err)
	}
	return o
}

// MakeMetric implements agent.MetricMaker. It takes the metric, of which nothing is left for
// the accumulator to do. One that cannot be written is no reason to do without the others.
func (o *output) MakeMetric(m telegraf.Metric) telegraf.Metric {
	o.mu.Lock()
	defer o.mu.Unlock()
	line, err := o.serializer.Serialize(m)
	if err != nil {
		o.refused++
		if o.refused == 1 {
			o.log.Errorf("A metric cannot be written as line protocol and is left out, as will others like it: %v", err)
		}
		return nil
	}
	if o.lines = append(o.lines, line...); len(o.lines) >= outputBatch {
		o.write()
	}
	return nil
}

// Flush writes what was added. The plugin calls it at the end of a batch.
func (o *output) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write()
}

func (o *output) write() {
	if len(o.lines) > 0 && o.failed.Err() == nil {
		o.writing.Store(true)
		_, err := o.w.Write(o.lines)
		o.writing.Store(false)
		if err != nil {
			o.fail(err)
		}
	}
	o.lines = o.lines[:0]
}

// close writes what is left, when no more metrics come.
func (o *output) close() {
	o.Flush()
	if o.refused > 1 {
		o.log.Errorf("Metrics that could not be written as line protocol: %d", o.refused)
	}
}

// blocked reports whether a write is under way: for as long as nobody reads stdout.
func (o *output) blocked() bool { return o.writing.Load() }

// LogName implements agent.MetricMaker.
func (*output) LogName() string { return "" }

// Log implements agent.MetricMaker.
func (o *output) Log() telegraf.Logger { return o.log }
