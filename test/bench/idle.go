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
	took     time.Duration
	cpu      time.Duration
	switches int64
	rss      int64
	events   int // that the rest of the machine caused, as the plugin counted
	forks    int64
}

// idle runs the plugin with its defaults, as execd does without further options.
func (b *bench) idle(ctx context.Context) (*idle, error) {
	fmt.Fprintf(b.Progress, "Idle for %s\n", b.Idle)
	dir, err := os.MkdirTemp(b.programs.dir, "idle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var result *idle
	run, err := receiver(pluginKey).start(ctx, b.programs, &Storm{}, b.balance, dir)
	if err != nil {
		return nil, err
	}
	result, err = run.idle(ctx, b.Idle)
	printed, _, stopErr := run.stop()
	switch {
	case err != nil:
		return nil, err
	case stopErr != nil:
		return nil, stopErr
	}
	t, err := pluginKind{}.tally(&Storm{kinds: []string{"fork", "exec", "exit", "comm"}}, printed)
	if err != nil {
		return nil, err
	}
	result.events = t.events
	return result, nil
}

// gatherInterval is Telegraf's default.
const gatherInterval = 10 * time.Second

// idle asks for the counters every now and then, as Telegraf does.
func (r *running) idle(ctx context.Context, length time.Duration) (*idle, error) {
	pid := r.cmd.Process.Pid
	result := &idle{}
	began := time.Now()
	cpu, err := cpuTime(pid)
	if err != nil {
		return nil, err
	}
	woken, err := switches(pid)
	if err != nil {
		return nil, err
	}
	m, err := readMachine()
	if err != nil {
		return nil, err
	}
	for time.Since(began) < length {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(gatherInterval, length-time.Since(began))):
		}
		if err := r.ask(); err != nil {
			return nil, err
		}
	}
	result.took = time.Since(began)
	after, err := cpuTime(pid)
	if err != nil {
		return nil, err
	}
	result.cpu = after - cpu
	wokenAfter, err := switches(pid)
	if err != nil {
		return nil, err
	}
	result.switches = wokenAfter - woken
	if _, result.rss, err = memory(pid); err != nil {
		return nil, err
	}
	end, err := readMachine()
	if err != nil {
		return nil, err
	}
	result.forks = end.forks - m.forks
	return result, nil
}

func (i *idle) share() float64 { return i.cpu.Seconds() / i.took.Seconds() }

// wakeups are those that no event of another process has caused.
func (i *idle) wakeups() float64 {
	return float64(max(0, i.switches-int64(i.events))) / i.took.Seconds()
}

func (i *idle) check(fail func(string, ...any)) {
	if i.share() >= maxIdleCPU {
		fail("idle, the plugin takes %.3f %% of a processor, and not less than %.2f %% (%d events of other processes came meanwhile)",
			100*i.share(), 100*maxIdleCPU, i.events)
	}
	if i.wakeups() > maxIdleWakeups {
		fail("idle, the plugin wakes up %.1f times a second, and not at most %.0f times", i.wakeups(), maxIdleWakeups)
	}
	if i.rss >= maxIdleRSS {
		fail("idle, the plugin has %d MiB in memory, and not less than %d", i.rss>>20, maxIdleRSS>>20)
	}
}

func (i *idle) write(out *strings.Builder) {
	fmt.Fprintf(out, "\nIdle, gathering every %s as Telegraf does:\n\n", gatherInterval)
	writeRow(out, "seconds", "CPU", "wake-ups a second", "of these without an event", "RSS MiB", "events that others caused",
		"processes and threads they started")
	writeRow(out, "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	writeRow(out, fmt.Sprintf("%.0f", i.took.Seconds()), fmt.Sprintf("%.3f %%", 100*i.share()),
		fmt.Sprintf("%.2f", float64(i.switches)/i.took.Seconds()), fmt.Sprintf("%.2f", i.wakeups()),
		fmt.Sprintf("%.1f", float64(i.rss)/(1<<20)), thousands(float64(i.events)), thousands(float64(i.forks)))
}
