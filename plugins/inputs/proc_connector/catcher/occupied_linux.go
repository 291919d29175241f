package catcher

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/detached"
)

// A program of higher real-time priority may keep a CPU to itself. A thread that is
// pinned there stands still until it gives way: it reads nothing, and it cannot end
// either, so that even after SIGKILL the process stays. Only another thread can help
// it, by sched_setaffinity(2) and sched_setattr(2), which do not wait for it.
//
// So each catcher is asked now and then to answer. One that does not goes to the other CPUs,
// where it reads the execs of its own a little later, and returns when that is free again.

const (
	// patience is how long an answer may take. A catcher answers within
	// microseconds, and an ordinary thread of a busy machine within milliseconds.
	patience = 500 * time.Millisecond
	// returnPatience is for one that tries its CPU again: next time will do as well.
	returnPatience = 20 * time.Millisecond
	// releasePatience is for when the program ends, and a line in the log is at stake. It is
	// more than the 50 ms for which the kernel keeps real-time threads from a CPU that they
	// have used up.
	releasePatience = 100 * time.Millisecond
	// forever is for a thread that begins, on any CPU.
	forever = time.Duration(math.MaxInt64)
)

// Check finds out which catchers can run. It returns the CPUs on which they can no
// longer, and those on which they can again.
func (c *Catchers) Check() (occupied, free []int) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	here, away := c.pinned(false), c.pinned(true)
	for _, w := range ask(here, patience) {
		occupied = append(occupied, w.group.pin...)
		w.away = true
		c.free(w)
	}
	away = slices.DeleteFunc(away, func(w *worker) bool { return !w.pin() })
	silent := ask(away, returnPatience)
	for _, w := range away {
		if slices.Contains(silent, w) {
			c.free(w)
			continue
		}
		free = append(free, w.group.pin...)
		w.away = false
	}
	return occupied, free
}

// Release makes all catchers ordinary threads that run anywhere, so that none is in the way
// when the process ends. They still read. It returns the CPUs on which they could not run.
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
	for _, w := range ask(c.pinned(false), releasePatience) {
		occupied = append(occupied, w.group.pin...)
	}
	for _, w := range c.workers {
		w.pinned = false
		c.free(w)
		if c.report.Scheduling == Realtime {
			detached.Ordinary(w.tid)
		}
	}
	return occupied
}

// pinned lists those whose answer says something about their CPUs: that are there, or
// that are away.
func (c *Catchers) pinned(away bool) (pinned []*worker) {
	for _, w := range c.workers {
		if w.pinned && w.away == away && !w.failed.Load() {
			pinned = append(pinned, w)
		}
	}
	return pinned
}

// pin has a worker run on the CPUs of its group only, if there are any. It goes there
// before it runs on.
func (w *worker) pin() bool {
	set := setOf(w.group.pin)
	return len(w.group.pin) > 0 && unix.SchedSetaffinity(w.tid, &set) == nil
}

// free lets a worker run wherever this process may. If it runs now it is moved,
// unless it may stay.
func (c *Catchers) free(w *worker) {
	_ = unix.SchedSetaffinity(w.tid, &c.allowed) //nolint:errcheck // a process may use what it may use
}

// ask has workers answer, and returns those that do not in time.
func ask(workers []*worker, patience time.Duration) (silent []*worker) {
	for _, w := range workers {
		w.loop.Ask()
	}
	// Time is counted in short waits, so that one in which the whole process stood
	// still, as after SIGSTOP, is no longer than the others.
	const wait = time.Millisecond
	silent = slices.Clone(workers)
	for ; ; patience -= wait {
		silent = slices.DeleteFunc(silent, func(w *worker) bool { return w.loop.Answered() || w.failed.Load() })
		if len(silent) == 0 || patience <= 0 {
			return silent
		}
		time.Sleep(wait)
	}
}

// runningThread is /proc/PID/stat of a thread that runs or is about to: its name, which may
// contain anything, and the CPU, the real-time priority and the policy, fields 39 to 41 of
// proc_pid_stat(5).
var runningThread = regexp.MustCompile(`(?s)^\d+ \((.*)\) R(?: -?\d+){35} (\d+) (\d+) (\d+) `)

// RealtimeProgram describes the program that has the highest real-time priority of
// all that run on one of the CPUs, itself excepted. It is empty if there is none.
func RealtimeProgram(proc string, cpus []int) (found string) {
	highest := 0
	// The pattern is well-formed, and a process may have ended by now.
	threads, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "task", "[0-9]*", "stat")) //nolint:errcheck // see above
	for _, path := range threads {
		stat, _ := os.ReadFile(path) //nolint:errcheck // see above
		fields := runningThread.FindStringSubmatch(string(stat))
		pid, _, _ := strings.Cut(strings.TrimPrefix(path, proc+"/"), "/")
		if fields == nil || pid == strconv.Itoa(os.Getpid()) {
			continue
		}
		var cpu, priority, policy int
		if _, err := fmt.Sscan(strings.Join(fields[2:], " "), &cpu, &priority, &policy); err != nil {
			continue
		}
		if policy == unix.SCHED_DEADLINE {
			priority = 100 // it goes before all real-time priorities
		}
		if priority > highest && slices.Contains(cpus, cpu) {
			found, highest = fmt.Sprintf("%q (pid %s)", fields[1], pid), priority
		}
	}
	return found
}
