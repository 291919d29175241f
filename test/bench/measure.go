package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A sample is one receiver in one storm.
type sample struct {
	sent     int // events
	kept     int // of these, as the receiver says
	lost     int
	cpu      time.Duration // of the receiver
	stormCPU time.Duration
	took     time.Duration // the storm
	peak     int64         // resident set, bytes
	mallocs  int           // or unknown
	left     int32         // in the kernel's count of listeners
	others   float64       // processors that were busy with something else
	stopped  string

	execs  int
	caught int // command lines, as they were
	// Of the plugin, the latter two in a storm of execs.
	heard      int // events of all kinds and of all processes
	unresolved int // of the storm, by its own field
	dropped    int
}

// lacking is how many command lines were not caught.
func (s *sample) lacking() int { return s.execs - s.caught }

// perMillion is processor time for a million events that were kept.
func (s *sample) perMillion() float64 {
	if s.kept <= 0 {
		return 0
	}
	return s.cpu.Seconds() * 1e6 / float64(s.kept)
}

// measure runs one receiver in one storm.
func (b *bench) measure(ctx context.Context, r *Receiver, s *Storm, n sizes) (*sample, error) {
	dir, err := os.MkdirTemp(b.programs.dir, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	run, err := r.start(ctx, b.programs, s, b.balance, dir)
	if err != nil {
		return nil, err
	}
	result, storm, err := run.through(ctx, b, s, n)
	printed, left, stopErr := run.stop()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s in %s: %w", r.Key, s.Key, err)
	case stopErr != nil:
		return nil, fmt.Errorf("%s in %s: %w", r.Key, s.Key, stopErr)
	}
	result.left = left
	t, err := r.kind.tally(s, printed)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", r.Key, s.Key, err)
	}
	result.take(t, s, storm)
	return result, nil
}

// through has a receiver go through a storm, and measures from outside.
func (r *running) through(ctx context.Context, b *bench, s *Storm, n sizes) (*sample, *made, error) {
	pid := r.cmd.Process.Pid
	b.tags++
	before, err := b.instant(pid)
	if err != nil {
		return nil, nil, err
	}
	storm, err := s.blow(ctx, b.programs, n, fmt.Sprintf("storm-%d", b.tags))
	if err != nil {
		return nil, nil, err
	}
	if err := r.quiet(); err != nil {
		return nil, nil, err
	}
	after, err := b.instant(pid)
	if err != nil {
		return nil, nil, err
	}
	peak, _, err := memory(pid)
	if err != nil {
		return nil, nil, err
	}
	if err := r.ask(); err != nil {
		return nil, nil, err
	}
	result := &sample{
		sent:     storm.things * len(s.kinds),
		cpu:      after.receiver - before.receiver,
		stormCPU: storm.cpu,
		took:     storm.took,
		peak:     peak,
	}
	others := after.busy - before.busy - result.cpu - storm.cpu - (after.own - before.own)
	result.others = max(0, others.Seconds()/after.when.Sub(before.when).Seconds())
	return result, storm, nil
}

// take adds what the receiver itself said.
func (s *sample) take(t *tally, storm *Storm, m *made) {
	s.mallocs, s.dropped, s.heard, s.stopped = t.mallocs, t.dropped, t.heard, t.stopped
	// What else happens on the machine is counted as well.
	s.kept = min(t.events, s.sent)
	s.lost = t.lost
	if t.lost == unknown {
		s.lost = s.sent - s.kept
	}
	if !storm.execs() {
		return
	}
	s.execs = m.things
	for _, text := range m.texts {
		if t.texts[text] {
			s.caught++
		}
	}
	others := t.gones
	for pid := range m.lines {
		others -= t.gone[pid]
	}
	s.unresolved = t.unresolved - others
}

// An instant is what was used up to a moment.
type instant struct {
	when     time.Time
	receiver time.Duration
	busy     time.Duration
	own      time.Duration
}

func (*bench) instant(pid int) (instant, error) {
	receiver, err := cpuTime(pid)
	if err != nil {
		return instant{}, err
	}
	m, err := readMachine()
	if err != nil {
		return instant{}, err
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return instant{}, err
	}
	return instant{when: time.Now(), receiver: receiver, busy: m.busy, own: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}, nil
}
