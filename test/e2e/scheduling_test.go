package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// catchers returns how the threads of a process that read what is executed are
// scheduled, and fails if another thread of it has a priority.
func catchers(t *testing.T, pid int) []*unix.SchedAttr {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	require.NoError(t, err)
	require.NotEmpty(t, tasks)
	var found []*unix.SchedAttr
	for _, task := range tasks {
		comm, err := os.ReadFile(filepath.Join(task, "comm"))
		if err != nil {
			continue // has ended
		}
		var tid int
		_, err = fmt.Sscan(filepath.Base(task), &tid)
		require.NoError(t, err)
		attr, err := unix.SchedGetAttr(tid, 0)
		require.NoError(t, err)
		if strings.HasPrefix(string(comm), "catch/") {
			found = append(found, attr)
			continue
		}
		require.Zero(t, attr.Policy, "%s", comm)
		require.Zero(t, attr.Nice, "%s", comm)
	}
	require.NotEmpty(t, found)
	return found
}

// Those who may have real time get it, and none but them.
func TestScheduling(t *testing.T) {
	requireRoot(t)
	l := listeners.Guard(t)
	for scheduling, want := range map[string]unix.SchedAttr{
		"auto":     {Policy: unix.SCHED_FIFO, Priority: 1},
		"realtime": {Policy: unix.SCHED_FIFO, Priority: 1},
		"nice":     {Nice: -20},
		"normal":   {},
	} {
		t.Run(scheduling, func(t *testing.T) {
			p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, fmt.Sprintf("scheduling = %q", scheduling))))
			// However many threads hear what is executed, one listens.
			l.Require(1)
			for _, attr := range catchers(t, p.Pid()) {
				require.Equal(t, want.Policy, attr.Policy)
				require.Equal(t, want.Priority, attr.Priority)
				require.Equal(t, want.Nice, attr.Nice)
			}
			own := exec.Command("/bin/sleep", "0.05")
			require.NoError(t, own.Run())
			require.Equal(t, "/bin/sleep 0.05", plugin.Text(p.WaitExec(own.Process.Pid, stopLimit), "cmdline"))
			check.Exited(t, 0, p.Stop())
			l.Require(0)
		})
	}
}

// A plugin that may use one CPU has one thread there, which hears the execs of all.
func TestSchedulingOnOneCPU(t *testing.T) {
	l := listeners.Guard(t)
	var allowed, first unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	cpu := 0
	for !allowed.IsSet(cpu) {
		cpu++
	}
	first.Set(cpu)
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"taskset", "-c", strconv.Itoa(cpu), cmd.Path}, cmd.Args[1:]...)
		var err error
		cmd.Path, err = exec.LookPath("taskset")
		require.NoError(t, err)
	}))
	require.Len(t, catchers(t, p.Pid()), 1)
	p.WaitStderr("execs are read by 1 thread", stopLimit)
	for other := range runtime.NumCPU() {
		if !allowed.IsSet(other) {
			continue
		}
		own := exec.Command("taskset", "-c", strconv.Itoa(other), "/bin/sleep", "0.3")
		require.NoError(t, own.Run())
		// taskset's own exec has the same process.
		p.WaitMetric("the exec", stopLimit, func(m telegraf.Metric) bool {
			return plugin.ExecOf(own.Process.Pid)(m) && plugin.Text(m, "cmdline") == "/bin/sleep 0.3"
		})
	}
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}

// Without the right, what was asked for is refused, and what is left is said.
func TestSchedulingUnprivileged(t *testing.T) {
	if !anyoneMayListen(t) {
		t.Skip("nobody may listen here without rights")
	}
	l := listeners.Guard(t)
	dir := nobody.Dir(t)
	program := nobody.Copy(t, dir, plugin.Build(t))
	unprivileged := plugin.Command(func(cmd *exec.Cmd) {
		cmd.Path = program
		nobody.Run(cmd)
	})
	for _, scheduling := range []string{"realtime", "nice"} {
		config := filepath.Join(dir, scheduling+".conf")
		options := fmt.Appendf(nil, "[[inputs.proc_connector]]\nscheduling = %q\n", scheduling)
		require.NoError(t, os.WriteFile(config, options, 0o644)) //nolint:gosec // G306: for nobody
		requireRefusal(t, []string{"option scheduling", scheduling, "not permitted", "CAP_SYS_NICE", `allowed is "auto"`},
			unprivileged, plugin.Args("--config", config))
	}
	p := plugin.Start(t, unprivileged, plugin.StateDir(nobody.StateDir(t, dir)))
	l.Require(1)
	for _, attr := range catchers(t, p.Pid()) {
		require.Zero(t, attr.Policy)
		require.Zero(t, attr.Nice)
	}
	require.Equal(t, 1, strings.Count(p.Stderr(), "CAP_SYS_NICE"), p.Stderr())
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}
