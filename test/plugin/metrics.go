package plugin

import (
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/parsers/influx"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
)

// Measurements of the plugin.
const (
	Counters = "proc_connector"
	Commands = "proc_connector_command"
	Exec     = "proc_connector_exec"
	Exit     = "proc_connector_exit"
	Listener = "proc_connector_listener"
)

const gatherTimeout = 5 * time.Second

// Parse reads line protocol with Telegraf's own parser.
func Parse(text string) ([]telegraf.Metric, error) {
	parser := &influx.Parser{}
	if err := parser.Init(); err != nil {
		return nil, err
	}
	return parser.Parse([]byte(text))
}

// Metrics returns the metrics on the plugin's standard output so far, in their
// order there. It fails the test when something else is among them.
func (p *Process) Metrics() []telegraf.Metric {
	p.t.Helper()
	text := p.stdout.Since(p.parsed)
	text = text[:strings.LastIndexByte(text, '\n')+1]
	metrics, err := Parse(text)
	if err != nil {
		p.t.Fatalf("The plugin's standard output is not line protocol: %v\n%s", err, text)
	}
	if lines := strings.Count(text, "\n"); lines != len(metrics) {
		p.t.Fatalf("The plugin wrote %d metrics in %d lines\n%s", len(metrics), lines, text)
	}
	p.parsed += len(text)
	p.metrics = append(p.metrics, metrics...)
	return p.metrics
}

// Find returns the first metric that is accepted, or nil if there is none so
// far.
func (p *Process) Find(accept func(telegraf.Metric) bool) telegraf.Metric {
	p.t.Helper()
	return find(p.Metrics(), accept)
}

func find(metrics []telegraf.Metric, accept func(telegraf.Metric) bool) telegraf.Metric {
	for _, m := range metrics {
		if accept(m) {
			return m
		}
	}
	return nil
}

// WaitMetric waits for a metric that is accepted, which may have come before,
// and returns the first. It fails the test when none comes in time, or the
// plugin ends without it.
func (p *Process) WaitMetric(what string, timeout time.Duration, accept func(telegraf.Metric) bool) telegraf.Metric {
	p.t.Helper()
	deadline := time.Now().Add(pace.Wait(timeout))
	seen := 0
	for {
		metrics := p.Metrics()
		if m := find(metrics[seen:], accept); m != nil {
			return m
		}
		seen = len(metrics)
		if _, err := p.stdout.Wait(p.parsed, "\n", time.Until(deadline)); err != nil {
			p.t.Fatalf("No metric of %s among %d: %v\n%s", what, seen, err, p.Stderr())
		}
	}
}

// WaitExec waits for the metric of a process's exec.
func (p *Process) WaitExec(pid int, timeout time.Duration) telegraf.Metric {
	p.t.Helper()
	return p.WaitMetric("the exec", timeout, ExecOf(pid))
}

// ExecOf accepts the metric of a process's exec.
func ExecOf(pid int) func(telegraf.Metric) bool {
	return func(m telegraf.Metric) bool {
		return m.Name() == Exec && Int(m, "pid") == int64(pid)
	}
}

// Report is what the plugin answers when it is asked for its counters.
type Report struct {
	Counters telegraf.Metric
	Commands []telegraf.Metric
	Listener telegraf.Metric
}

// Command returns the series of a command without further tags, or nil.
func (r *Report) Command(name string) telegraf.Metric {
	return find(r.Commands, func(m telegraf.Metric) bool {
		command, ok := m.GetTag("command")
		return ok && command == name && len(m.TagList()) == 1
	})
}

// Gather asks for the counters and waits for them.
func (p *Process) Gather() Report {
	p.t.Helper()
	from := len(p.Metrics())
	p.Ask()
	return p.WaitReport(from)
}

// WaitReport waits for the report after the first from metrics, which may have
// been asked for in another way than by Gather.
func (p *Process) WaitReport(from int) Report {
	p.t.Helper()
	var r Report
	deadline := time.Now().Add(pace.Wait(gatherTimeout))
	for {
		metrics := p.Metrics()
		r.Counters = find(metrics[from:], func(m telegraf.Metric) bool { return m.Name() == Counters })
		r.Listener = find(metrics[from:], func(m telegraf.Metric) bool { return m.Name() == Listener })
		if r.Counters != nil && r.Listener != nil {
			// They have the time of the counters.
			for _, m := range metrics[from:] {
				if m.Name() == Commands && m.Time().Equal(r.Counters.Time()) {
					r.Commands = append(r.Commands, m)
				}
			}
			return r
		}
		if _, err := p.stdout.Wait(p.parsed, "\n", time.Until(deadline)); err != nil {
			p.t.Fatalf("The plugin did not report: %v\n%s", err, p.Stderr())
		}
	}
}

// Int returns an integer field, and -1 if the metric has no such field.
func Int(m telegraf.Metric, field string) int64 {
	value, _ := m.GetField(field)
	switch n := value.(type) {
	case int64:
		return n
	case uint64:
		return int64(n)
	}
	return -1
}

// Float returns a field that is a number with a fraction, and -1 if the metric
// has no such field.
func Float(m telegraf.Metric, field string) float64 {
	value, _ := m.GetField(field)
	if f, ok := value.(float64); ok {
		return f
	}
	return -1
}

// Text returns a string field, and "" if the metric has no such field.
func Text(m telegraf.Metric, field string) string {
	value, _ := m.GetField(field)
	text, _ := value.(string)
	return text
}
