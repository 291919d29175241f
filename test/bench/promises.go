package bench

import "fmt"

// What the plugin promises, as the benchmark can tell.
const (
	maxOfFloor     = 1.25   // times the floor's processor time an event
	minCaught      = 0.9995 // command lines, at full speed
	minCaughtBusy  = 0.999  // the same with all processors busy
	maxOfRival     = 1.0    // times forkstat's processor time an exec, at everyday rates
	maxOfRivalSlow = 1.3    // the same below 100 a second
	maxIdleCPU     = 0.0002 // of a processor
	maxIdleWakeups = 1.0    // a second
	maxIdleRSS     = 40 << 20
	maxOfThreads   = 0.01 // of the storm's processor time, for events that are not asked for
)

// Broken returns what was measured and does not hold, a line each.
func (r *Result) Broken() []string {
	var broken []string
	fail := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	r.checkRenames(fail)
	for _, run := range r.runs {
		if run.receiver.Key == pluginKey && run.storm.execs() {
			r.checkExecs(run, fail)
		}
		if _, ours := run.receiver.kind.(pluginKind); ours {
			checkUnresolved(run, fail)
		}
	}
	if run := r.find(pluginKey, "thread", false); run != nil {
		// What others do meanwhile can only add to it.
		if of := run.min(portion); of > maxOfThreads {
			fail("threads that nobody asked for cost the plugin %.2f %% of the storm's processor time at the least, and not less than %.0f %%",
				100*of, 100*maxOfThreads)
		}
	}
	if len(r.rates) > 0 {
		checkRates(r.rates, fail)
	}
	for _, i := range r.idle {
		if !i.gathering {
			i.check(fail)
		}
	}
	return broken
}

func (r *Result) checkRenames(fail func(string, ...any)) {
	for _, run := range r.runs {
		if run.receiver.Key != pluginKey || run.storm.kinds[0] != "comm" {
			continue
		}
		rounds := 0
		for _, s := range run.samples {
			if s.lost > 0 || s.kept < s.sent {
				rounds++
			}
		}
		if rounds > 0 {
			fail("%s: lost in %d of %d rounds, %.0f in the worst", run.storm.Name, rounds, len(run.samples), run.max(lost))
		}
	}
	run, floor := r.find(pluginKey, "comm", false), r.find(floorKey, "comm", false)
	if run == nil || floor == nil {
		return
	}
	if of := run.median(perMillion) / floor.median(perMillion); of > maxOfFloor {
		fail("a rename costs the plugin %.2f times the floor, and not at most %.2f times", of, maxOfFloor)
	}
}

// checkExecs looks at command lines. What can be caught without real time is
// shown, and promised to nobody.
func (r *Result) checkExecs(run *runs, fail func(string, ...any)) {
	if !r.realtime {
		return
	}
	caught := run.caught()
	where := run.storm.Name
	least := minCaught
	switch {
	case run.busy:
		where, least = where+" with all processors busy", minCaughtBusy
	case run.storm.rate > 0:
		least = 1
	}
	if caught < least {
		fail("%s: %s of the command lines were caught, and not at least %s", where, percent(caught), percent(least))
	}
	if rival := r.find(rivalKey, run.storm.Key, run.busy); rival != nil && !run.busy && rival.caught() > caught {
		fail("%s: %s of the command lines were caught, and %s by %s", where, percent(caught), percent(rival.caught()), rival.receiver.Name)
	}
}

// checkUnresolved compares what the plugin says it did not catch with what it did
// not catch. Events that were lost it cannot know to be execs.
func checkUnresolved(run *runs, fail func(string, ...any)) {
	if !run.storm.execs() {
		return
	}
	for round, s := range run.samples {
		if s.lost > 0 || s.dropped > 0 {
			fail("%s, round %d, %s: %d events were lost and %d metrics dropped", run.storm.Name, round+1, run.receiver.Name, s.lost, s.dropped)
		} else if s.unresolved != s.lacking() {
			fail("%s, round %d, %s: unresolved says %d, and %d command lines are lacking", run.storm.Name, round+1, run.receiver.Name,
				s.unresolved, s.lacking())
		}
	}
}
