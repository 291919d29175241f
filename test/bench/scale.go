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
	limit   int // event_limit, 0 for none
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

// Loads that are measured. Each host has 50 commands.
var (
	slow     = load{name: "10 a second", rate: 10, limit: 1000, seconds: 30}
	thousand = load{name: "1,000 a second", rate: 1000, seconds: 10, options: "event_limit = 0\n"}
	fastest  = load{name: "as many as this machine can", seconds: 10, options: "event_limit = 0\n"}
	limited  = load{name: "1,000 a second, `event_limit = 100`", rate: 1000, limit: 100, seconds: 10, options: "event_limit = 100\n"}
	bare     = load{
		name: "1,000 a second, `exec_fields = [\"cmdline\", \"user\"]`", rate: 1000, seconds: 10,
		options: "event_limit = 0\nexec_fields = [\"cmdline\", \"user\"]\n",
	}
	counting = load{name: "1,000 a second, `exec_events = false`", rate: 1000, seconds: 10, options: "exec_events = false\n"}
)

// scale measures the loads.
func (b *bench) scale(ctx context.Context) (*scale, error) {
	s := &scale{slow: slow, thousand: thousand, fastest: fastest, bare: bare, limited: limited, counting: counting}
	for _, l := range []*load{&s.slow, &s.thousand, &s.fastest, &s.bare, &s.limited, &s.counting} {
		if err := b.load(ctx, l); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Fprintf(b.Progress, "%s: %d made in %s, plugin %s, %d metrics\n", l.name, l.made, l.took.Round(time.Millisecond), l.cpu, l.metrics)
	}
	return s, nil
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
	meanwhile, cancel := context.WithCancel(ctx)
	defer cancel()
	gathering := make(chan error, 1)
	go func() { gathering <- r.gatherUntil(meanwhile.Done()) }()
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

// metricsAt is how many of the execs have a metric, a second.
func (l *load) metricsAt(rate float64) float64 {
	switch {
	case l.metrics == 0: // none is asked for
		return 0
	case l.limit > 0:
		return min(rate, float64(l.limit))
	default:
		return rate
	}
}

func (l *load) measuredRate() float64 { return float64(l.made) / l.took.Seconds() }

// row is what a load comes to at a rate.
func (l *load) row(name string, rate float64, interval time.Duration) []string {
	metrics := l.metricsAt(rate)
	points := metrics + float64(l.lines)/interval.Seconds()
	bytes := metrics*l.metricSize() + float64(l.report)/interval.Seconds()
	size := "–"
	if l.metrics > 0 {
		size = thousands(l.metricSize())
	}
	return []string{
		name, thousands(l.measuredRate()), fmt.Sprintf("%.0f µs", l.perExec().Seconds()*1e6), fmt.Sprintf("%.1f %%", 100*rate*l.perExec().Seconds()),
		fmt.Sprintf("%.0f", float64(l.peak)/(1<<20)), size, thousands(float64(l.report)), strconv.Itoa(l.series),
		fmt.Sprintf("%.1f", points), fmt.Sprintf("%.1f", bytes/1e3), thousands(points * hosts), fmt.Sprintf("%.1f", bytes*hosts/1e6),
	}
}

const (
	hosts = 10_000
	many  = 10_000 // execs a second, more than this machine can start
)

// A scale is what all loads came to.
type scale struct {
	slow, thousand, fastest, bare, limited, counting load
}

func (s *scale) write(out *strings.Builder) {
	fmt.Fprintf(out, "\nA host with %d commands, counters gathered every %s where nothing else is said, and %s such hosts:\n\n",
		commandNames, gatherInterval, thousands(hosts))
	writeRow(out, "execs", "measured at, a second", "CPU an exec", "CPU of one processor", "peak RSS MiB", "bytes an exec metric", "bytes a gather",
		"series", "points a second", "KB a second", "hosts' points a second", "hosts' MB a second")
	writeRow(out, "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	nominal := func(l *load) { writeRow(out, l.row(l.name, float64(l.rate), gatherInterval)...) }
	nominal(&s.slow)
	writeRow(out, s.slow.row("10 a second, `interval = \"60s\"`", float64(s.slow.rate), time.Minute)...)
	nominal(&s.thousand)
	nominal(&s.bare)
	nominal(&s.limited)
	nominal(&s.counting)
	capped := s.fastest
	capped.limit = 1000 // the default
	writeRow(out, capped.row("10,000 a second", many, gatherInterval)...)
	writeRow(out, s.fastest.row("10,000 a second, `event_limit = 0`", many, gatherInterval)...)
	out.WriteString("\nCPU an exec is of the plugin, with the exec's fork and exit, at the rate that it was measured at; " +
		"what it comes to at the rate of the row is computed from that.\n")
}
