package catcher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// RealtimeProgram describes the program that has the highest real-time priority of
// all that run on one of the CPUs, itself excepted. It is empty if there is none.
func RealtimeProgram(proc string, cpus []int) string {
	// The pattern is well-formed, and a process may have ended by now.
	threads, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "task", "[0-9]*", "stat")) //nolint:errcheck // see above
	var found string
	var highest int
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _, _ := strings.Cut(strings.TrimPrefix(path, proc+"/"), "/")
		comm, priority, cpu := realtimeStat(string(stat))
		if priority > highest && slices.Contains(cpus, cpu) && pid != strconv.Itoa(os.Getpid()) {
			found, highest = fmt.Sprintf("%q (pid %s)", comm, pid), priority
		}
	}
	return found
}

// realtimeStat reads the name, the real-time priority and the CPU of a thread that
// runs or is about to. Of others, and of those without, the priority is 0.
func realtimeStat(stat string) (comm string, priority, cpu int) {
	// Fields of /proc/PID/stat as proc_pid_stat(5) numbers them; what follows the
	// name, which may contain anything, begins with the third.
	const first, fieldState, fieldCPU, fieldPolicy = 3, 3, 39, 41
	begin, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if begin < 0 || end < begin {
		return "", 0, 0
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) <= fieldPolicy-first || fields[fieldState-first] != "R" {
		return "", 0, 0
	}
	var policy int
	numbers := strings.Join(fields[fieldCPU-first:fieldPolicy-first+1], " ")
	if _, err := fmt.Sscan(numbers, &cpu, &priority, &policy); err != nil {
		return "", 0, 0
	}
	if policy == unix.SCHED_DEADLINE {
		priority = 100 // it goes before all real-time priorities
	}
	return stat[begin+1 : end], priority, cpu
}
