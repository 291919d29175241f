package bench

import (
	"slices"
)

// median of what is measured in each round; of an even number the mean of the
// two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (r *runs) values(of func(s *sample) float64) []float64 {
	values := make([]float64, 0, len(r.samples))
	for _, s := range r.samples {
		values = append(values, of(s))
	}
	return values
}

func (r *runs) median(of func(s *sample) float64) float64 { return median(r.values(of)) }

func (r *runs) max(of func(s *sample) float64) float64 { return slices.Max(r.values(of)) }

func (r *runs) min(of func(s *sample) float64) float64 { return slices.Min(r.values(of)) }

func (r *runs) sum(of func(s *sample) int) int {
	n := 0
	for _, s := range r.samples {
		n += of(s)
	}
	return n
}

// caught is the share of command lines over all rounds.
func (r *runs) caught() float64 {
	return share(r.sum(func(s *sample) int { return s.caught }), r.sum(func(s *sample) int { return s.execs }))
}

// worst is the share of command lines in the worst round.
func (r *runs) worst() float64 {
	return -r.max(func(s *sample) float64 { return -share(s.caught, s.execs) })
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func sent(s *sample) float64       { return float64(s.sent) }
func kept(s *sample) float64       { return float64(s.kept) }
func lost(s *sample) float64       { return float64(s.lost) }
func perMillion(s *sample) float64 { return s.perMillion() }
func peak(s *sample) float64       { return float64(s.peak) }
func others(s *sample) float64     { return s.others }

// portion is the receiver's processor time, measured by the storm's.
func portion(s *sample) float64 { return s.cpu.Seconds() / s.stormCPU.Seconds() }

func heard(s *sample) float64 { return float64(s.heard) }

func allocations(s *sample) float64 {
	if s.mallocs == unknown || s.kept <= 0 {
		return unknown
	}
	return float64(s.mallocs) / float64(s.kept)
}

// find returns the runs of a receiver in a storm, or nil.
func (r *Result) find(receiver, storm string, busy bool) *runs {
	i := slices.IndexFunc(r.runs, func(run *runs) bool {
		return run.receiver.Key == receiver && run.storm.Key == storm && run.busy == busy
	})
	if i < 0 {
		return nil
	}
	return r.runs[i]
}
