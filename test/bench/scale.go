package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// A load is a host on which programs are started at some rate, and what the plugin
// costs there.
type load struct {
	name    string
	options string
	rate    int // execs a second, or 0 for as many as this machine can
	seconds int

	made    int
	took    time.Duration
	cpu     time.Duration
	execs   int // those of the rest of the machine too
	peak    int64
	metrics int // of execs that were made
	bytes   int // of these, as line protocol
	report  int // bytes of a report of all counters
	lines   int // and its metrics
	series  int // of all kinds, as a database counts them
}

const loadParents = 4

// loads are what scale measures. Each host has 50 commands.
func loads() []*load {
	return []*load{
		{name: "10 execs a second", rate: 10, seconds: 30},
		{name: "1,000 execs a second", rate: 1000, seconds: 10, options: "event_limit = 0\n"},
		{name: "as many as this machine can", seconds: 10, options: "event_limit = 0\n"},
		{
			name: "1,000 a second, `exec_fields = [\"cmdline\", \"user\"]`", rate: 1000, seconds: 10,
			options: "event_limit = 0\nexec_fields = [\"cmdline\", \"user\"]\n",
		},
		{name: "1,000 a second, `event_limit = 100`", rate: 1000, seconds: 10, options: "event_limit = 100\n"},
		{name: "1,000 a second, `exec_events = false`", rate: 1000, seconds: 10, options: "exec_events = false\n"},
	}
}

// scale measures the loads.
func (b *bench) scale(ctx context.Context) ([]*load, error) {
	all := loads()
	for _, l := range all {
		if err := b.load(ctx, l); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Fprintf(b.Progress, "%s: %d made in %s, plugin %s, %d metrics\n", l.name, l.made, l.took.Round(time.Millisecond), l.cpu, l.metrics)
	}
	return all, nil
}

func (b *bench) load(ctx context.Context, l *load) error {
	dir, err := os.MkdirTemp(b.programs.dir, "scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &Receiver{Key: pluginKey, kind: pluginKind{options: l.options}}
	run, err := r.start(ctx, b.programs, &Storm{}, b.balance, dir)
	if err != nil {
		return err
	}
	err = run.load(ctx, b, l)
	printed, _, stopErr := run.stop()
	switch {
	case err != nil:
		return err
	case stopErr != nil:
		return stopErr
	}
	return l.read(printed)
}

func (r *running) load(ctx context.Context, b *bench, l *load) error {
	pid := r.cmd.Process.Pid
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	count := l.rate * l.seconds / loadParents
	if l.rate == 0 {
		count = 10_000 * l.seconds / loadParents // more than there is time for
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	gathering := make(chan error, 1)
	go func() { gathering <- r.gatherUntil(limited.Done()) }()
	args := append([]string{"exec", strconv.Itoa(loadParents), strconv.Itoa(count), strconv.Itoa(l.rate), "scale"}, b.programs.toolPaths()...)
	m, err := blow(ctx, b.programs, time.Duration(l.seconds)*time.Second, args)
	cancel()
	if gatherErr := <-gathering; err == nil {
		err = gatherErr
	}
	if err != nil {
		return err
	}
	if err := r.quiet(); err != nil {
		return err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return err
	}
	l.made, l.took, l.cpu = m.things, m.took, after-before
	if l.peak, _, err = memory(pid); err != nil {
		return err
	}
	return r.ask()
}

// gatherUntil asks for the counters as Telegraf does.
func (r *running) gatherUntil(done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		case <-time.After(gatherInterval):
		}
		if err := r.ask(); err != nil {
			return err
		}
	}
}

// read counts what the plugin wrote, without the commands of the rest of the
// machine.
func (l *load) read(printed string) error {
	metrics, err := plugin.Parse(printed[:strings.LastIndexByte(printed, '\n')+1])
	if err != nil {
		return err
	}
	series := make(map[uint64]bool)
	var execs []int64
	lines := strings.SplitAfter(printed, "\n")
	report, count := 0, 0
	for i, m := range metrics {
		command, tagged := m.GetTag("command")
		if tagged && !strings.HasPrefix(command, toolPrefix) && !strings.HasPrefix(command, "_") {
			continue
		}
		series[m.HashID()] = true
		if m.Name() == plugin.Exec {
			l.metrics++
			l.bytes += len(lines[i])
			continue
		}
		report += len(lines[i])
		count++
		switch m.Name() {
		case plugin.Counters:
			execs = append(execs, plugin.Int(m, "execs"))
		case plugin.Listener: // the last of a report
			l.report, l.lines = report, count
			report, count = 0, 0
		default:
		}
	}
	if len(execs) < 2 {
		return fmt.Errorf("the plugin has reported %d times, and was asked twice at least", len(execs))
	}
	l.execs = int(execs[len(execs)-1] - execs[0])
	l.series = len(series)
	return nil
}

// perExec is processor time for an exec with its fork and exit.
func (l *load) perExec() time.Duration { return l.cpu / time.Duration(max(1, l.execs)) }

// metricSize is the length of a metric of an exec.
func (l *load) metricSize() float64 { return float64(l.bytes) / float64(max(1, l.metrics)) }

// share of the execs that have a metric.
func (l *load) share() float64 { return float64(l.metrics) / float64(max(1, l.made)) }

// sends is what a host with that many execs a second sends, in bytes and metrics a
// second.
func (l *load) sends(rate float64) (bytes, metrics float64) {
	seconds := gatherInterval.Seconds()
	metrics = rate*l.share() + float64(l.lines)/seconds
	return rate*l.share()*l.metricSize() + float64(l.report)/seconds, metrics
}

func (l *load) measuredRate() float64 { return float64(l.made) / l.took.Seconds() }

// row is what a load comes to at a rate.
func (l *load) row(name string, rate float64) []string {
	bytes, metrics := l.sends(rate)
	size := "–"
	if l.metrics > 0 {
		size = thousands(l.metricSize())
	}
	return []string{
		name, thousands(rate), fmt.Sprintf("%.0f µs", l.perExec().Seconds()*1e6), fmt.Sprintf("%.2f %%", 100*rate*l.perExec().Seconds()),
		fmt.Sprintf("%.1f", float64(l.peak)/(1<<20)), size, thousands(float64(l.report)), strconv.Itoa(l.series),
		fmt.Sprintf("%.1f", metrics), fmt.Sprintf("%.1f", bytes/1e3), thousands(metrics * hosts), fmt.Sprintf("%.1f", bytes*hosts/1e6),
	}
}

func writeScale(out *strings.Builder, loads []*load) {
	fmt.Fprintf(out, "\nA host with %d commands, counters gathered every %s, and %s such hosts:\n\n", commandNames, gatherInterval, thousands(hosts))
	writeRow(out, "load", "execs a second", "CPU an exec", "CPU of one processor", "peak RSS MiB", "bytes an exec metric", "bytes a gather", "series",
		"points a second", "KB a second", "hosts' points a second", "hosts' MB a second")
	writeRow(out, "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	for _, l := range loads {
		writeRow(out, l.row(l.name, l.measuredRate())...)
		if l.rate == 0 {
			// More than this machine can start, so computed from the most that it can.
			writeRow(out, l.row(thousands(beyond)+" a second, computed from that", beyond)...)
		}
	}
}

const (
	hosts  = 10_000
	beyond = 10_000 // execs a second
)
