package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is for how long a process has run, with all the threads that it has and
// had: to the nanosecond, where /proc/PID/stat counts in hundredths of a second.
func cpuTime(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3) of a process, MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
	// of include/linux/posix-timers.h:
	//   #define CPUCLOCK_SCHED 2
	const cpuclockSched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, os.NewSyscallError("clock_gettime", err))
	}
	return time.Duration(t.Nano()), nil
}

// memory returns the largest resident set that a process had so far, and the one
// that it has, in bytes.
func memory(pid int) (peak, now int64, err error) {
	numbers, err := status(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:", "VmRSS:")
	if err != nil {
		return 0, 0, err
	}
	return numbers[0] << 10, numbers[1] << 10, nil
}

// switches is how often the threads of a process were switched to: each is a
// wake-up, or the end of somebody else's turn.
func switches(pid int) (int64, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, task := range tasks {
		numbers, err := status(task, "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")
		if err != nil {
			return 0, err
		}
		sum += numbers[0] + numbers[1]
	}
	return sum, nil
}

// status reads numbers of a file such as /proc/PID/status.
func status(path string, keys ...string) ([]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(keys))
	for i, key := range keys {
		found := false
		for line := range bytes.Lines(text) {
			rest, ok := bytes.CutPrefix(line, []byte(key))
			if !ok {
				continue
			}
			numbers[i], err = strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", key, path, err)
			}
			found = true
		}
		if !found {
			return nil, fmt.Errorf("%s has no %s", path, key)
		}
	}
	return numbers, nil
}

// machine is what all processes together have done since the machine was started.
type machine struct {
	busy  time.Duration // processors that were not idle, or taken from this machine
	forks int64         // processes and threads
}

func readMachine() (machine, error) {
	const path = "/proc/stat"
	text, err := os.ReadFile(path)
	if err != nil {
		return machine{}, err
	}
	var m machine
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 8 && f[0] == "cpu":
			// cpu user nice system idle iowait irq softirq steal ..., USER_HZ each
			for _, i := range []int{1, 2, 3, 6, 7, 8} {
				n, err := strconv.ParseInt(f[i], 10, 64)
				if err != nil {
					return machine{}, fmt.Errorf("%s: %w", path, err)
				}
				m.busy += time.Duration(n) * time.Second / 100
			}
		case len(f) == 2 && f[0] == "processes":
			if m.forks, err = strconv.ParseInt(f[1], 10, 64); err != nil {
				return machine{}, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return m, nil
}

// A queue is what the kernel shows of a process's connector sockets.
type queue struct {
	waiting int64 // bytes
	drops   int64
}

// readQueue adds up the sockets of a process, of which there may be none left.
func readQueue(pid int) (queue, error) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return queue{}, err
	}
	own := make(map[string]bool)
	for _, link := range links {
		// What was closed just now is no socket of ours any more.
		if target, err := os.Readlink(link); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	const path = "/proc/net/netlink"
	table, err := os.ReadFile(path)
	if err != nil {
		return queue{}, err
	}
	var q queue
	for line := range strings.Lines(string(table)) {
		// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != strconv.Itoa(unix.NETLINK_CONNECTOR) || !own[f[9]] {
			continue
		}
		for field, sum := range map[int]*int64{4: &q.waiting, 8: &q.drops} {
			n, err := strconv.ParseInt(f[field], 10, 64)
			if err != nil {
				return queue{}, fmt.Errorf("%s: %w", path, err)
			}
			*sum += n
		}
	}
	return q, nil
}
