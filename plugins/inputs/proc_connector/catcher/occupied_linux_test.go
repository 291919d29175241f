package catcher

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// occupy keeps a CPU busy with a program of real-time priority 50, until the
// returned function is called or 10 seconds of its time have passed.
func occupy(t *testing.T, cpu int) (leave func()) {
	t.Helper()
	for _, program := range []string{"chrt", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("a CPU cannot be occupied: %v", err)
		}
	}
	if err := exec.Command("chrt", "-f", "50", "true").Run(); err != nil {
		t.Skipf("a CPU cannot be occupied: chrt: %v", err)
	}
	cmd := exec.Command("taskset", "-c", strconv.Itoa(cpu), "chrt", "-f", "50", "sh", "-c", "ulimit -t 10; while :; do :; done")
	require.NoError(t, cmd.Start())
	var once bool
	leave = func() {
		if !once {
			once = true
			require.NoError(t, cmd.Process.Kill(), "it has given way before the test was over")
			require.Error(t, cmd.Wait())
		}
	}
	t.Cleanup(leave)
	require.Eventually(t, func() bool {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
		require.NoError(t, err)
		return string(comm) == "sh\n"
	}, time.Minute, time.Millisecond)
	return leave
}

// lastAllowed is the last CPU that this process may use, which must not be the only
// one.
func lastAllowed(t *testing.T) int {
	t.Helper()
	m, err := readMachine("/sys")
	require.NoError(t, err)
	if len(m.allowed) < 2 {
		t.Skip("there must be another CPU")
	}
	return m.allowed[len(m.allowed)-1]
}

// affinity is where a thread may run.
func affinity(t *testing.T, w *worker) unix.CPUSet {
	t.Helper()
	var set unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(w.tid, &set))
	return set
}

// Catchers begin, go on and end although one of them cannot run: the program that
// keeps its CPU is still there when each step is over.
func TestLiveOccupied(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector catchers are part of the Go runtime, and hold it up")
	}
	cpu := lastAllowed(t)
	leave := occupy(t, cpu)
	c, err := Open(Config{Proc: "/proc", Sys: "/sys", Scheduling: Auto})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	w := c.workers[len(c.workers)-1]
	require.Equal(t, []int{cpu}, w.group.pin)
	require.Equal(t, setOf(w.group.pin), affinity(t, w))

	occupied, free := c.Check()
	require.Equal(t, []int{cpu}, occupied)
	require.Empty(t, free)
	require.Equal(t, c.allowed, affinity(t, w))
	occupied, free = c.Check()
	require.Empty(t, occupied, "it has been told")
	require.Empty(t, free)
	require.Equal(t, c.allowed, affinity(t, w), "it has tried, and gone back")

	leave()
	require.Eventually(t, func() bool {
		occupied, free = c.Check()
		return len(free) > 0
	}, time.Minute, time.Millisecond)
	require.Empty(t, occupied)
	require.Equal(t, []int{cpu}, free)
	require.Equal(t, setOf(w.group.pin), affinity(t, w))

	leave = occupy(t, cpu)
	require.Equal(t, []int{cpu}, c.Release())
	for _, w := range c.workers {
		require.Equal(t, c.allowed, affinity(t, w))
		attr, err := unix.SchedGetAttr(w.tid, 0)
		require.NoError(t, err)
		require.Zero(t, attr.Policy)
	}
	require.Empty(t, c.Release())
	occupied, free = c.Check()
	require.Empty(t, occupied)
	require.Empty(t, free)
	require.NoError(t, c.Close())
	require.Empty(t, catchThreads(t))
	leave()
}

// The same with every priority, also where the program comes when they run already.
func TestLiveOccupiedOpenAndClose(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector catchers are part of the Go runtime, and hold it up")
	}
	cpu := lastAllowed(t)
	for _, s := range []Scheduling{Auto, Nice, Normal} {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", s, before), func(t *testing.T) {
				var leave func()
				if before {
					leave = occupy(t, cpu)
				}
				c, err := Open(Config{Proc: "/proc", Sys: "/sys", Scheduling: s})
				require.NoError(t, err)
				if !before {
					leave = occupy(t, cpu)
				}
				require.NoError(t, c.Close())
				require.Empty(t, catchThreads(t))
				leave()
			})
		}
	}
}

// catchThreads waits until threads of catchers are gone, and returns those that
// stay: a thread ends a moment after its goroutine.
func catchThreads(t *testing.T) (left []string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		left = nil
		for name := range comms(t) {
			if strings.HasPrefix(name, "catch/") {
				left = append(left, name)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// What is executed on an isolated CPU is heard, although no catcher runs there; one
// does where real time is asked for.
func TestLiveIsolated(t *testing.T) {
	cpu := lastAllowed(t)
	online, err := os.ReadFile("/sys/" + onlineCPUs)
	require.NoError(t, err)
	sys := sysfs(t, map[string]string{onlineCPUs: string(online), isolatedCPUs: strconv.Itoa(cpu)})
	isolated, err := Isolated(sys, Auto)
	require.NoError(t, err)
	require.Equal(t, []int{cpu}, isolated)
	none, err := Isolated(sys, Realtime)
	require.NoError(t, err)
	require.Empty(t, none)

	run := func(t *testing.T, s Scheduling) *Catchers {
		t.Helper()
		c, k := catchLive(t, Config{Proc: "/proc", Sys: sys, Scheduling: s, Wanted: Wanted{Cmdline: 100}})
		cmd := exec.Command("taskset", "-c", strconv.Itoa(cpu), "sleep", "0.1")
		require.NoError(t, cmd.Run())
		require.Eventually(t, func() bool {
			var r Record
			_, taken := k.take(cmd.Process.Pid, &r)
			return taken
		}, time.Minute, time.Millisecond)
		return c
	}
	t.Run("auto", func(t *testing.T) {
		c := run(t, Auto)
		require.Contains(t, c.Report().String(), "isolated "+CPUList(isolated))
		for _, w := range c.workers {
			set := affinity(t, w)
			require.False(t, set.IsSet(cpu))
		}
	})
	t.Run("realtime", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root may have this priority")
		}
		c := run(t, Realtime)
		require.NotContains(t, c.Report().String(), "isolated")
		require.Equal(t, setOf(isolated), affinity(t, c.workers[len(c.workers)-1]))
		last := c.workers[len(c.workers)-1].group.cpus
		require.Equal(t, cnproc.CPURange{First: uint32(cpu), Last: lastCPU}, last)
	})
}

// statOf is /proc/PID/stat of a thread.
func statOf(tid int, comm, state string, cpu, priority, policy int) string {
	zeros := strings.Repeat(" 0", 35) // fields 4 to 38
	return fmt.Sprintf("%d (%s) %s%s %d %d %d 0 0\n", tid, comm, state, zeros, cpu, priority, policy)
}

func TestRealtimeProgram(t *testing.T) {
	proc := t.TempDir()
	thread := func(pid, tid int, stat string) {
		dir := filepath.Join(proc, strconv.Itoa(pid), "task", strconv.Itoa(tid))
		require.NoError(t, os.MkdirAll(dir, 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o600))
	}
	require.Empty(t, RealtimeProgram(proc, []int{1}))
	thread(10, 10, statOf(10, "ordinary", "R", 1, 0, 0))
	thread(11, 11, statOf(11, "sleeps", "S", 1, 99, 1))
	thread(os.Getpid(), 12, statOf(12, "catch/1", "R", 1, 1, 1))
	thread(13, 13, "13 (cut")
	thread(14, 14, "14 (short) R 1 2 3")
	thread(15, 15, strings.ReplaceAll(statOf(15, "odd", "R", 1, 50, 1), " 50 ", " x "))
	require.Empty(t, RealtimeProgram(proc, []int{1}))

	thread(20, 20, statOf(20, "jackd", "S", 1, 0, 0))
	thread(20, 21, statOf(21, "a) R \"b\"\n", "R", 1, 10, 2))
	thread(22, 22, statOf(22, "elsewhere", "R", 2, 80, 1))
	require.Equal(t, `"a) R \"b\"\n" (pid 20)`, RealtimeProgram(proc, []int{0, 1}))
	thread(23, 23, statOf(23, "higher", "R", 1, 50, 1))
	require.Equal(t, `"higher" (pid 23)`, RealtimeProgram(proc, []int{1}))
	thread(24, 24, statOf(24, "deadline", "R", 1, 0, 6))
	require.Equal(t, `"deadline" (pid 24)`, RealtimeProgram(proc, []int{1}))
	require.Equal(t, `"elsewhere" (pid 22)`, RealtimeProgram(proc, []int{2}))
}
