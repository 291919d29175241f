package main

import (
	"io"
	"sync/atomic"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
)

const (
	// outputQueue is how many metrics may wait to be written. More of them make
	// nothing faster (BenchmarkOutput), and what has to wait for Telegraf does so in
	// the plugin's own queue, where it is bounded and counted.
	outputQueue = 64
	// outputBatch is about how many bytes are written at once: as much as a pipe
	// holds.
	outputBatch = 64 << 10
)

// An output writes metrics as line protocol. What comes in a burst is written
// together, and what comes alone at once.
type output struct {
	metrics    chan telegraf.Metric
	w          io.Writer
	log        *logger
	serializer influx.Serializer
	lines      []byte
	refused    uint64 // metrics that are none in line protocol
	writing    atomic.Bool
}

func newOutput(w io.Writer, log *logger) *output {
	return &output{metrics: make(chan telegraf.Metric, outputQueue), w: w, log: log}
}

// run writes until there will be no more metrics, or until writing fails.
func (o *output) run() error {
	if err := o.serializer.Init(); err != nil {
		return err
	}
	for m := range o.metrics {
		o.add(m)
		// Nobody else takes metrics, so if none waits now, whoever adds the
		// next one wakes this goroutine.
		if len(o.lines) == 0 || len(o.metrics) > 0 && len(o.lines) < outputBatch {
			continue
		}
		o.writing.Store(true)
		_, err := o.w.Write(o.lines)
		o.writing.Store(false)
		if err != nil {
			return err
		}
		o.lines = o.lines[:0]
	}
	if o.refused > 1 {
		o.log.Errorf("Metrics that could not be written as line protocol: %d", o.refused)
	}
	return nil
}

// blocked reports whether a write is under way: for as long as whoever reads stdout
// does not.
func (o *output) blocked() bool { return o.writing.Load() }

// add appends a metric to the lines. One that cannot be written is no reason to
// do without the others.
func (o *output) add(m telegraf.Metric) {
	line, err := o.serializer.Serialize(m)
	if err != nil {
		o.refused++
		if o.refused == 1 {
			o.log.Errorf("A metric cannot be written as line protocol and is left out, as will others like it: %v", err)
		}
		return
	}
	o.lines = append(o.lines, line...)
}

// LogName implements agent.MetricMaker.
func (*output) LogName() string { return "" }

// MakeMetric implements agent.MetricMaker: metrics stay as they are.
func (*output) MakeMetric(m telegraf.Metric) telegraf.Metric { return m }

// Log implements agent.MetricMaker.
func (o *output) Log() telegraf.Logger { return o.log }
