package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A cost is what ordinary processes pay for a receiver, or for none, while
// programs are started.
type cost struct {
	receiver *Receiver     // nil: nobody listens
	counted  []float64     // rounds of work a second, of a process that only computes, at the steady rate
	steady   []float64     // programs that were really started a second
	made     int           // programs of the burst
	burst    float64       // programs started a second, at full speed
	latest   time.Duration // longest that an ordinary thread had to wait during the burst
	usual    time.Duration // what 99 of 100 wake-ups kept to
}

const (
	burstExecs   = 50_000
	burstParents = 4
	steadyExecs  = 5 * steadyRate
	steadyLimit  = 10 * time.Second
	burstLimit   = time.Minute
	costRounds   = 3
)

// cost compares the machine with the plugin, in real time and not, and without
// any receiver. Everything is measured in turns.
func (b *bench) cost(ctx context.Context) ([]*cost, error) {
	costs := []*cost{{}}
	for _, r := range b.receivers {
		if r.Key == pluginKey || r.Key == ordinaryKey {
			costs = append(costs, &cost{receiver: r})
		}
	}
	for round := range min(costRounds, b.Rounds) {
		for _, c := range costs {
			if err := b.with(ctx, c, func() error { return b.steady(ctx, c) }); err != nil {
				return nil, err
			}
			fmt.Fprintf(b.Progress, "cost round %d, %s: %.0f rounds of work a second\n", round+1, c.name(), c.counted[round])
		}
	}
	for _, c := range costs {
		if err := b.with(ctx, c, func() error { return b.burst(ctx, c) }); err != nil {
			return nil, err
		}
		fmt.Fprintf(b.Progress, "burst, %s: %.0f execs a second, an ordinary thread waited %s at the longest\n", c.name(), c.burst, c.latest)
	}
	return costs, nil
}

func (c *cost) name() string {
	if c.receiver == nil {
		return "no listener"
	}
	return c.receiver.Name
}

// with has the receiver listen meanwhile.
func (b *bench) with(ctx context.Context, c *cost, do func() error) error {
	if c.receiver == nil {
		return do()
	}
	dir, err := os.MkdirTemp(b.programs.dir, "cost-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// With its defaults, as it runs on other people's machines.
	run, err := c.receiver.start(ctx, b.programs, &Storm{}, b.balance, dir)
	if err != nil {
		return err
	}
	err = do()
	if _, _, stopErr := run.stop(); err == nil {
		err = stopErr
	}
	return err
}

// steady starts programs at a rate that the machine can follow, so that all that
// differs is who listens.
func (b *bench) steady(ctx context.Context, c *cost) error {
	count, err := b.bystander(ctx, "count")
	if err != nil {
		return err
	}
	args := []string{"exec", "1", strconv.Itoa(steadyExecs), strconv.Itoa(steadyRate), "steady", b.programs.dynamic}
	m, err := blow(ctx, b.programs, steadyLimit, args)
	if err != nil {
		return err
	}
	got, err := count()
	if err != nil {
		return err
	}
	c.steady = append(c.steady, float64(m.things)/m.took.Seconds())
	c.counted = append(c.counted, float64(got["done"])/(time.Duration(got["nanoseconds"]).Seconds()))
	return nil
}

// burst starts programs as fast as it goes.
func (b *bench) burst(ctx context.Context, c *cost) error {
	wake, err := b.bystander(ctx, "wake")
	if err != nil {
		return err
	}
	n := strconv.Itoa(burstExecs / burstParents)
	m, err := blow(ctx, b.programs, burstLimit, []string{"exec", strconv.Itoa(burstParents), n, "0", "burst", b.programs.dynamic})
	if err != nil {
		return err
	}
	got, err := wake()
	if err != nil {
		return err
	}
	c.made = m.things
	c.burst = float64(m.things) / m.took.Seconds()
	c.latest = time.Duration(got["latest"]) * time.Microsecond
	c.usual = time.Duration(got["p99"]) * time.Microsecond
	return nil
}

// bystander runs ordinary work until the returned function is called, which says
// what got done.
func (b *bench) bystander(ctx context.Context, work string) (func() (map[string]int64, error), error) {
	cmd := exec.CommandContext(ctx, b.programs.bystander, work)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (map[string]int64, error) {
		if err := cmd.Process.Signal(terminate); err != nil {
			return nil, err
		}
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("bystander %s: %w", work, err)
		}
		got := make(map[string]int64)
		for line := range strings.Lines(out.String()) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("bystander printed %q: %w", line, err)
			}
			got[key] = n
		}
		return got, nil
	}, nil
}

func (r *Result) writeCosts(out *strings.Builder) {
	fmt.Fprintf(out, "\nWhat others pay, with a computing thread on each of %d processors while %s programs a second are started, "+
		"and with a thread that wakes up every millisecond on each while %s are started at full speed:\n\n",
		r.machine.processors, thousands(steadyRate), thousands(burstExecs))
	writeRow(out, "who listens", "others' computing", "execs a second meanwhile", "execs in the burst", "execs a second in it", "99 % of wake-ups within",
		"latest wake-up")
	writeRow(out, "---", "--:", "--:", "--:", "--:", "--:", "--:")
	nobody := median(r.costs[0].counted)
	for _, c := range r.costs {
		writeRow(out, c.name(), fmt.Sprintf("%.1f %%", 100*median(c.counted)/nobody), thousands(median(c.steady)),
			thousands(float64(c.made)), thousands(c.burst), c.usual.String(), c.latest.String())
	}
}
