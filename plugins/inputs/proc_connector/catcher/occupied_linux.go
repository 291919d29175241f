package catcher

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/detached"
)

// A program of higher real-time priority may keep a CPU to itself. A thread that is
// pinned there stands still until it gives way: it reads nothing, and it cannot end
// either, so that even after SIGKILL the process stays. Only another thread can help
// it, by sched_setaffinity(2) and sched_setattr(2), which do not wait for it.
//
// So each catcher is asked now and then to answer from its CPU. One that does not
// goes to the other CPUs, where it reads the execs of its own a little later, and
// returns when that is free again.

const (
	// patience is how long an answer may take. A catcher answers within
	// microseconds, and an ordinary thread of a busy machine within milliseconds.
	patience = 500 * time.Millisecond
	// returnPatience is for one that tries its CPU again: next time will do as well.
	returnPatience = 20 * time.Millisecond
	// releasePatience is for when the program ends, and all that is at stake is a
	// line in the log. It is more than the 50 ms for which the kernel keeps all
	// real-time threads from a CPU that they have used up.
	releasePatience = 100 * time.Millisecond
)

// Check finds out which catchers can run. It returns the CPUs on which they can no
// longer, and those on which they can again, as lists that are empty as a rule.
func (c *Catchers) Check() (occupied, free []int) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil, nil
	}
	var here, away []*worker
	for _, w := range c.asked() {
		if !w.away {
			here = append(here, w)
		} else if set := setOf(w.group.pin); unix.SchedSetaffinity(w.tid, &set) == nil {
			away = append(away, w)
		}
	}
	if ask(here, patience) != nil || ask(away, returnPatience) != nil {
		return nil, nil // eventfds do not fail
	}
	for _, w := range here {
		if !w.answered() {
			occupied = append(occupied, w.group.pin...)
			w.away = true
			c.free(w)
		}
	}
	for _, w := range away {
		if w.answered() {
			free = append(free, w.group.pin...)
			w.away = false
		} else {
			c.free(w)
		}
	}
	return occupied, free
}

// Release makes all catchers ordinary threads that run anywhere, so that none of
// them is in the way when the process ends. They still read. It returns the CPUs on
// which they could not run, as Check does.
func (c *Catchers) Release() (occupied []int) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.released {
		return nil
	}
	c.released = true
	here := slices.DeleteFunc(c.asked(), func(w *worker) bool { return w.away })
	if ask(here, releasePatience) == nil {
		for _, w := range here {
			if !w.answered() {
				occupied = append(occupied, w.group.pin...)
			}
		}
	}
	for _, w := range c.workers {
		if w.tid != 0 {
			c.free(w)
			if c.report.Scheduling == Realtime {
				detached.Ordinary(w.tid)
			}
		}
	}
	return occupied
}

// asked lists those whose answer says something about their CPUs.
func (c *Catchers) asked() []*worker {
	var asked []*worker
	for _, w := range c.workers {
		if w.pinned && !w.failed.Load() {
			asked = append(asked, w)
		}
	}
	return asked
}

// free lets a worker run wherever this process may. If it runs now it is moved,
// unless it may stay.
func (c *Catchers) free(w *worker) {
	_ = unix.SchedSetaffinity(w.tid, &c.allowed) //nolint:errcheck // a process may use what it may use
}

// ask has workers answer, and waits until they have, at most for the time limit.
func ask(workers []*worker, limit time.Duration) error {
	for _, w := range workers {
		w.loop.Ask()
		if err := signal(w.wake); err != nil {
			return err
		}
	}
	// Time is counted in short waits, so that one in which the whole process stood still,
	// as after SIGSTOP, is no longer than the others.
	const shortest, longest = 50 * time.Microsecond, 10 * time.Millisecond
	for wait := shortest; limit > 0 && slices.ContainsFunc(workers, func(w *worker) bool { return !w.answered() }); wait = min(2*wait, longest) {
		time.Sleep(wait)
		limit -= wait
	}
	return nil
}

func (w *worker) answered() bool { return w.loop.Answered() || w.failed.Load() }
