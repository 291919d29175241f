package bench

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// counter is a receiver of our own making, which prints what it has counted.
type counter struct {
	program func(p *Programs) string
	any     bool // it knows no kinds of events
}

func (k counter) command(ctx context.Context, p *Programs, _ *Storm, _ string) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, k.program(p)), nil
}

func (k counter) tally(s *Storm, printed string) (*tally, error) {
	t := newTally()
	counts := make(map[string]int)
	for line := range strings.Lines(printed) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "stopped":
			t.stopped = value
		case "cmdline":
			t.texts[value] = true
		default:
			n, err := strconv.Atoi(value)
			if err != nil {
				return nil, fmt.Errorf("a receiver printed %q: %w", line, err)
			}
			counts[key] = n
		}
	}
	t.events = 0
	for _, kind := range s.kinds {
		if kind == "clone" {
			kind = "fork" // of a thread
		}
		t.events += counts[kind]
	}
	if k.any {
		t.events, t.lost = counts["received"], counts["lost"]
	}
	if n, ok := counts["mallocs"]; ok {
		t.mallocs = n
	}
	return t, nil
}

// forkstat is Colin Ian King's program, as Debian has it. It is asked for nothing
// but what the storm is made of.
type forkstat struct {
	args []string
}

func (k forkstat) command(ctx context.Context, _ *Programs, s *Storm, _ string) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, "forkstat", append([]string{"-e", strings.Join(s.kinds, ",")}, k.args...)...), nil
}

func (forkstat) tally(_ *Storm, printed string) (*tally, error) {
	t := newTally()
	t.events = 0
	for line := range strings.Lines(printed) {
		// Time Event PID Info Duration Process
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		switch f[1] {
		case "fork", "clone":
			// A line for the parent too.
			if len(f) > 3 && f[3] != "parent" {
				t.events++
			}
		case "exec":
			t.events++
			t.texts[strings.Join(f[3:], " ")] = true
		case "exit", "comm":
			t.events++
		default: // the heading, which is repeated
		}
	}
	return t, nil
}

// tally compares the first of the plugin's reports with the last. Both were asked
// for, before and after the storm.
func (pluginKind) tally(s *Storm, printed string) (*tally, error) {
	metrics, err := plugin.Parse(printed[:strings.LastIndexByte(printed, '\n')+1])
	if err != nil {
		return nil, fmt.Errorf("the plugin wrote something else than line protocol: %w", err)
	}
	t := newTally()
	var first, last report
	for _, m := range metrics {
		switch m.Name() {
		case plugin.Exec:
			if plugin.Text(m, "detail") == "full" {
				t.texts[plugin.Text(m, "cmdline")] = true
			} else {
				t.gone[int(plugin.Int(m, "pid"))]++
				t.gones++
			}
		case plugin.Counters:
			last.counters = m
		case plugin.Listener:
			last.listener = m
			t.reports++
			if t.reports == 1 {
				first = last
				// Of before the storm, as is what this one counts.
				clear(t.gone)
				t.gones = 0
			}
		default:
		}
	}
	if t.reports < 2 {
		return nil, fmt.Errorf("the plugin has reported %d times, and was asked twice at least", t.reports)
	}
	difference := func(of func(r report) telegraf.Metric, fields ...string) int {
		sum := 0
		for _, field := range fields {
			sum += int(plugin.Int(of(last), field) - plugin.Int(of(first), field))
		}
		return sum
	}
	t.lost = difference(report.ofListener, "lost")
	t.heard = difference(report.ofListener, "events")
	t.unresolved = difference(report.ofListener, "unresolved")
	t.dropped = difference(report.ofListener, "events_dropped")
	if !s.ofThreads() {
		fields := make([]string, 0, len(s.kinds))
		for _, kind := range s.kinds {
			fields = append(fields, map[string]string{"comm": "renames", "fork": "forks", "exec": "execs", "exit": "exits"}[kind])
		}
		t.events = difference(report.ofCounters, fields...)
	}
	return t, nil
}

// A report is what the plugin answers when it is asked for its counters.
type report struct {
	counters, listener telegraf.Metric
}

func (r report) ofCounters() telegraf.Metric { return r.counters }
func (r report) ofListener() telegraf.Metric { return r.listener }
