package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say what to run.
type Options struct {
	Rounds    int
	Storms    []string // keys; none: all
	Receivers []string // keys; none: all that are not optional
	Parts     []string // of Parts; none: all but those for the asking
	Idle      time.Duration
	// Progress is told what goes on.
	Progress io.Writer

	// sizes of storms, where a test wants them small.
	sizes *sizes
}

// Parts of the benchmark.
const (
	PartStorms = "storms" // the comparison
	PartBusy   = "busy"   // the same with all processors busy
	PartCost   = "cost"   // what ordinary processes pay
	PartRates  = "rates"  // what one exec costs at everyday rates
	PartIdle   = "idle"   // what the plugin costs when nothing happens
	PartScale  = "scale"  // what a host costs at several rates
)

var usual = []string{PartStorms, PartBusy, PartCost, PartRates, PartIdle}

// bench is one run.
type bench struct {
	Options
	programs  *Programs
	balance   *balance
	storms    []*Storm
	receivers []*Receiver
	left      []string // receivers that were left out, and why
	tags      int
	busy      int // rounds with busy processors
	realtime  bool
}

// A Result is all that was measured.
type Result struct {
	machine  description
	began    time.Time
	took     time.Duration
	options  Options
	busy     int
	realtime bool
	left     []string
	storms   []*Storm
	runs     []*runs
	costs    []*cost
	rates    []*rated
	idle     []*idle
	scale    *scale
}

// runs are all rounds of a receiver in a storm.
type runs struct {
	receiver *Receiver
	storm    *Storm
	busy     bool
	samples  []*sample
}

// Run runs the benchmark.
func Run(ctx context.Context, options Options) (result *Result, err error) {
	b := &bench{Options: options, busy: (options.Rounds + 2) / 3}
	if options.Rounds < 1 {
		return nil, fmt.Errorf("rounds are %d, and must be 1 at least", options.Rounds)
	}
	if len(b.Parts) == 0 {
		b.Parts = usual
	}
	for _, part := range b.Parts {
		if !slices.Contains(append(usual, PartScale), part) {
			return nil, fmt.Errorf("no part %q: there are %s and %s", part, strings.Join(usual, ", "), PartScale)
		}
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("the benchmark needs root: it reads the kernel's count of listeners and measures receivers that need rights")
	}
	b.realtime = canRealtime()
	began := time.Now()
	fmt.Fprintln(b.Progress, "Building")
	if b.programs, err = Build(ctx); err != nil {
		return nil, err
	}
	if err := b.choose(ctx); err != nil {
		return nil, err
	}
	if b.balance, err = newBalance(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.balance.close()) }()

	result = &Result{machine: describe(ctx, b.programs), began: began, options: options, busy: b.busy, realtime: b.realtime, storms: b.storms}
	if err := b.run(ctx, result); err != nil {
		return nil, err
	}
	result.left = b.left
	result.took = time.Since(began)
	return result, nil
}

func (b *bench) run(ctx context.Context, result *Result) error {
	var err error
	if b.has(PartStorms) || b.has(PartBusy) {
		if result.runs, err = b.compare(ctx); err != nil {
			return err
		}
	}
	if b.has(PartCost) {
		if result.costs, err = b.cost(ctx); err != nil {
			return err
		}
	}
	if b.has(PartRates) {
		if result.rates, err = b.rates(ctx); err != nil {
			return err
		}
	}
	if b.has(PartIdle) {
		if result.idle, err = b.idle(ctx); err != nil {
			return err
		}
	}
	if b.has(PartScale) {
		if result.scale, err = b.scale(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) has(part string) bool { return slices.Contains(b.Parts, part) }

// choose finds the storms and receivers that were asked for.
func (b *bench) choose(ctx context.Context) error {
	storms, err := chosen("storm", b.Storms, storms, func(s *Storm) string { return s.Key })
	if err != nil {
		return err
	}
	b.storms = storms
	candidates, err := chosen("receiver", b.Receivers, receivers, func(r *Receiver) string { return r.Key })
	if err != nil {
		return err
	}
	known, err := b.programs.knowsOption(ctx, scheduling)
	if err != nil {
		return err
	}
	for _, r := range candidates {
		k, ours := r.kind.(pluginKind)
		switch {
		case r.optional && !slices.Contains(b.Receivers, r.Key):
		case ours && k.scheduling != "" && !known:
			b.left = append(b.left, r.Name+": this plugin has no option "+scheduling)
		default:
			b.receivers = append(b.receivers, r)
		}
	}
	if slices.ContainsFunc(b.receivers, func(r *Receiver) bool { _, ok := r.kind.(forkstat); return ok }) {
		return needs("forkstat")
	}
	return nil
}

// chosen returns the members of a table that were asked for, all if none was.
func chosen[T any](what string, keys []string, table []T, key func(*T) string) ([]*T, error) {
	var found []*T
	all := make([]string, 0, len(table))
	for i := range table {
		k := key(&table[i])
		all = append(all, k)
		if len(keys) == 0 || slices.Contains(keys, k) {
			found = append(found, &table[i])
		}
	}
	for _, k := range keys {
		if !slices.Contains(all, k) {
			return nil, fmt.Errorf("no %s %q: there are %s", what, k, strings.Join(all, ", "))
		}
	}
	return found, nil
}

func needs(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("the benchmark needs %s, which make bench installs: %w", program, err)
	}
	return nil
}

// compare runs the receivers in turn on each storm, round after round.
func (b *bench) compare(ctx context.Context) ([]*runs, error) {
	var all []*runs
	for _, busy := range []bool{false, true} {
		if part := map[bool]string{false: PartStorms, true: PartBusy}[busy]; !b.has(part) {
			continue
		}
		rounds, n := b.Rounds, fullSizes
		if busy {
			rounds, n = b.busy, busySizes
		}
		if b.sizes != nil {
			n = *b.sizes
		}
		var part []*runs
		for _, s := range b.storms {
			for _, r := range b.receivers {
				if r.joins(s) {
					part = append(part, &runs{receiver: r, storm: s, busy: busy})
				}
			}
		}
		for round := range rounds {
			if err := b.round(ctx, part, round, n); err != nil {
				return nil, err
			}
		}
		all = append(all, part...)
	}
	return all, nil
}

func (b *bench) round(ctx context.Context, part []*runs, round int, n sizes) (err error) {
	if len(part) > 0 && part[0].busy {
		if err := needs("stress-ng"); err != nil {
			return err
		}
		stop, err := busyProcessors(ctx, runtime.NumCPU())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	for _, run := range part {
		result, err := b.measure(ctx, run.receiver, run.storm, n)
		if err != nil {
			return err
		}
		run.samples = append(run.samples, result)
		state := "alone"
		if run.busy {
			state = "busy"
		}
		fmt.Fprintf(b.Progress, "%s round %d, %s, %s: %d of %d lost, %.2f s a million, %d of %d command lines, storm %s, others %.2f processors\n",
			state, round+1, run.storm.Key, run.receiver.Key, result.lost, result.sent, result.perMillion(), result.caught, result.execs,
			result.took.Round(time.Millisecond), result.others)
	}
	return nil
}
