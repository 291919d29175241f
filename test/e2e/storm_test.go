package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// userHz is the unit of times in /proc: USER_HZ of include/asm-generic/param.h,
// the same on all architectures that matter.
const userHz = 100

// ticks adds up numbers of a line in /proc, as a time.
func ticks(t *testing.T, fields ...string) time.Duration {
	t.Helper()
	var sum int64
	for _, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		sum += n
	}
	return time.Duration(sum) * time.Second / userHz
}

// machineTime is for how long the processors were not idle, or were taken from
// this machine, since it booted.
func machineTime(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(stat), "\n")
	// cpu user nice system idle iowait irq softirq steal ...
	f := strings.Fields(line)
	require.Greater(t, len(f), 8)
	return ticks(t, f[1], f[2], f[3], f[6], f[7], f[8])
}

// processTime is for how long a process ran.
func processTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	return ticks(t, f[14-3], f[15-3])
}

// ownTime is for how long this process and the children that it has waited for
// ran.
func ownTime(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		require.NoError(t, unix.Getrusage(who, &usage))
		sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return sum
}

// A storm as fast as one processor can make it. What the plugin does not know that it
// has lost is a failure. It needs the better part of another processor, so that it
// must lose nothing unless others use the machine, each time.
func TestMillionEvents(t *testing.T) {
	const million = 1_000_000
	l := listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t)
	l.Require(1)

	const tries = 3
	for try := 1; ; try++ {
		before := p.Gather()
		foreign := machineTime(t) - processTime(t, p.Pid()) - ownTime(t)
		start := time.Now()
		require.NoError(t, exec.Command(program, "rename", "stormy", strconv.Itoa(million)).Run())
		took := time.Since(start)

		var renames, lost int64
		check.Eventually(t, "each event is counted, or known to be lost", 20*time.Second, func() bool {
			after := p.Gather()
			renames = plugin.Int(after.Counters, "renames") - plugin.Int(before.Counters, "renames")
			lost = plugin.Int(after.Listener, "lost") - plugin.Int(before.Listener, "lost")
			return renames+lost >= million
		})
		handled := time.Since(start)
		foreign = machineTime(t) - processTime(t, p.Pid()) - ownTime(t) - foreign
		t.Logf("%.0f events a second, %d lost; the last was counted %s after the end; others used %.0f %% of a processor",
			million/took.Seconds(), lost, (handled - took).Round(time.Millisecond), 100*foreign.Seconds()/handled.Seconds())

		if busy := foreign > handled/20; lost > 0 && busy && try < tries {
			continue
		} else if !busy {
			require.Zero(t, lost)
			require.GreaterOrEqual(t, renames, int64(million))
		}
		return
	}
}

// The command line of each program is read before it can end, in a storm that begins
// while the receiver sleeps, and a catcher has made many a round through its memory.
func TestStormIsCaught(t *testing.T) {
	l := listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "event_limit = 0")))
	l.Require(1)
	if !strings.Contains(p.Stderr(), "with real-time priority") {
		t.Skip("catchers have no real-time priority here, so that a program may end before they come to it")
	}

	var allowed unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	cpu := 0
	for !allowed.IsSet(cpu) {
		cpu++
	}
	for range 3 {
		// On one CPU, so that all of it is one catcher's.
		storm := exec.Command("taskset", "-c", strconv.Itoa(cpu), program, "storm", "2", "/bin/true")
		out, err := storm.Output()
		require.NoError(t, err)
		made, err := strconv.Atoi(strings.TrimSpace(string(out)))
		require.NoError(t, err)

		var full int
		check.Eventually(t, "each exec of the storm is reported", 20*time.Second, func() bool {
			found := 0
			full = 0
			for _, m := range p.Metrics() {
				if m.Name() != plugin.Exec || plugin.Int(m, "ppid") != int64(storm.Process.Pid) {
					continue
				}
				found++
				if plugin.Text(m, "detail") == "full" && plugin.Text(m, "cmdline") == "/bin/true" {
					full++
				}
			}
			return found >= made
		})
		t.Logf("%d execs in 2 s", made)
		require.Equal(t, made, full)
	}
}
