package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// idle is what the plugin costs when nothing is going on, or as little as the
// machine permits.
type idle struct {
	gathering bool
	took      time.Duration
	cpu       time.Duration
	switches  int64
	rss       int64
	events    int // that the rest of the machine caused, as the plugin counted
	forks     int64
}

// idle watches the plugin with its defaults while nothing is asked of it, and then
// while it is asked for its counters as by Telegraf.
func (b *bench) idle(ctx context.Context) ([]*idle, error) {
	fmt.Fprintf(b.Progress, "Idle for %s, and half of that with gathering\n", b.Idle)
	results := make([]*idle, 0, 2)
	for _, gathering := range []bool{false, true} {
		length := b.Idle
		if gathering {
			length /= 2
		}
		result, err := b.idleFor(ctx, length, gathering)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (b *bench) idleFor(ctx context.Context, length time.Duration, gathering bool) (*idle, error) {
	dir, err := os.MkdirTemp(b.programs.dir, "idle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	run, err := receiver(pluginKey).start(ctx, b.programs, &Storm{}, b.balance, dir)
	if err != nil {
		return nil, err
	}
	result, err := run.idle(ctx, length, gathering)
	printed, _, stopErr := run.stop()
	switch {
	case err != nil:
		return nil, err
	case stopErr != nil:
		return nil, stopErr
	}
	t, err := pluginKind{}.tally(&Storm{kinds: process}, printed)
	if err != nil {
		return nil, err
	}
	result.events = t.heard
	return result, nil
}

// gatherInterval is Telegraf's default.
const gatherInterval = 10 * time.Second

func (r *running) idle(ctx context.Context, length time.Duration, gathering bool) (*idle, error) {
	before, err := r.used()
	if err != nil {
		return nil, err
	}
	pause := length
	if gathering {
		pause = gatherInterval
	}
	for time.Since(before.when) < length {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(pause, length-time.Since(before.when))):
		}
		if !gathering {
			continue
		}
		if err := r.ask(); err != nil {
			return nil, err
		}
	}
	after, err := r.used()
	if err != nil {
		return nil, err
	}
	// How much of it others have caused.
	if err := r.ask(); err != nil {
		return nil, err
	}
	return &idle{
		gathering: gathering,
		took:      after.when.Sub(before.when),
		cpu:       after.cpu - before.cpu,
		switches:  after.switches - before.switches,
		rss:       after.rss,
		forks:     after.forks - before.forks,
	}, nil
}

// used is what a receiver, and for comparison the machine, has used so far.
type used struct {
	when     time.Time
	cpu      time.Duration
	switches int64
	rss      int64
	forks    int64
}

func (r *running) used() (u used, err error) {
	pid := r.cmd.Process.Pid
	u.when = time.Now()
	if u.cpu, err = cpuTime(pid); err != nil {
		return u, err
	}
	if u.switches, err = switches(pid); err != nil {
		return u, err
	}
	if _, u.rss, err = memory(pid); err != nil {
		return u, err
	}
	m, err := readMachine()
	u.forks = m.forks
	return u, err
}

func (i *idle) share() float64 { return i.cpu.Seconds() / i.took.Seconds() }

// wakeups are those that no event of another process has caused.
func (i *idle) wakeups() float64 {
	return float64(max(0, i.switches-int64(i.events))) / i.took.Seconds()
}

func (i *idle) check(fail func(string, ...any)) {
	if i.share() >= maxIdleCPU {
		fail("idle, the plugin takes %.3f %% of a processor, and not less than %.2f %%; others caused %d events in %s",
			100*i.share(), 100*maxIdleCPU, i.events, i.took.Round(time.Second))
	}
	if i.wakeups() > maxIdleWakeups {
		fail("idle, the plugin wakes up %.1f times a second, and not at most %.0f times; others caused %d events in %s",
			i.wakeups(), maxIdleWakeups, i.events, i.took.Round(time.Second))
	}
	if i.rss >= maxIdleRSS {
		fail("idle, the plugin has %d MiB in memory, and not less than %d", i.rss>>20, maxIdleRSS>>20)
	}
}

func writeIdle(out *strings.Builder, idles []*idle) {
	out.WriteString("\nThe plugin while nothing happens:\n\n")
	writeRow(out, "gathering", "seconds", "CPU", "wake-ups a second", "RSS MiB", "events that others caused", "processes and threads they started")
	writeRow(out, "---", "--:", "--:", "--:", "--:", "--:", "--:")
	for _, i := range idles {
		gathering := "no"
		if i.gathering {
			gathering = "every " + gatherInterval.String()
		}
		writeRow(out, gathering, fmt.Sprintf("%.0f", i.took.Seconds()), fmt.Sprintf("%.3f %%", 100*i.share()),
			fmt.Sprintf("%.2f", float64(i.switches)/i.took.Seconds()), fmt.Sprintf("%.1f", float64(i.rss)/(1<<20)),
			thousands(float64(i.events)), thousands(float64(i.forks)))
	}
}
