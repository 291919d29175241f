package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// runs runs a program, whatever its exit status.
func runs(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir // for core files
	require.NoError(t, cmd.Start())
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
}

// A counterCase is a workload and what it must add to the counters.
type counterCase struct {
	want counts
	run  func()
}

func counterCases(t *testing.T) map[string]counterCase {
	t.Helper()
	requireRoot(t)
	program, dir := workload.Build(t), t.TempDir()
	one := counts{"forks": 1, "execs": 1, "exits": 1}
	return map[string]counterCase{
		"nothing": {run: func() {}},
		"success": {
			want: counts{"forks": 10, "execs": 10, "exits": 10},
			run: func() {
				for range 10 {
					runs(t, dir, "/bin/true")
				}
			},
		},
		"failure": {
			want: counts{"forks": 3, "execs": 3, "exits": 3, "exits_failed": 3},
			run: func() {
				for _, status := range []string{"1", "42", "255"} {
					runs(t, dir, program, "exit", status)
				}
			},
		},
		"signals": {
			want: counts{"forks": 3, "execs": 3, "exits": 3, "exits_signaled": 3},
			run: func() {
				for _, name := range []string{"SIGKILL", "SIGTERM", "SIGUSR1"} {
					runs(t, dir, program, "signal", name)
				}
			},
		},
		"core dump": {
			want: one.plus(counts{"exits_signaled": 1, "coredumps": 1}),
			run:  func() { runs(t, dir, program, "abort") },
		},
		"setuid": {
			want: one.plus(counts{"uid_changes": 1}),
			run:  func() { runs(t, dir, program, "setuid", strconv.Itoa(nobody.ID)) },
		},
		"setuid and setgid": {
			want: one.plus(counts{"uid_changes": 1, "gid_changes": 1}),
			run: func() {
				cmd := exec.Command("/bin/true")
				nobody.Run(cmd)
				require.NoError(t, cmd.Run())
			},
		},
		"setgid": {
			want: one.plus(counts{"gid_changes": 1}),
			run: func() {
				cmd := exec.Command("/bin/true")
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Gid: nobody.ID}}
				require.NoError(t, cmd.Run())
			},
		},
		"setsid": {
			want: one.plus(counts{"sessions": 1}),
			run:  func() { runs(t, dir, program, "setsid") },
		},
		"ptrace": {
			want: counts{"forks": 2, "execs": 2, "exits": 2, "exits_signaled": 1, "ptrace_attaches": 1, "ptrace_detaches": 1},
			run: func() {
				target := exec.Command("/bin/sleep", "600")
				require.NoError(t, target.Start())
				runs(t, dir, program, "ptrace", strconv.Itoa(target.Process.Pid))
				require.NoError(t, target.Process.Kill())
				require.Error(t, target.Wait(), "killed")
			},
		},
		"rename": {
			want: one.plus(counts{"renames": 7}),
			run:  func() { runs(t, dir, program, "rename", "another", "7") },
		},
		// The kernel reports the exit of the first thread, whose place another
		// one takes: the process has not ended.
		"exec from a thread": {
			want: counts{"forks": 1, "execs": 2, "exits": 1},
			run:  func() { runs(t, dir, program, "threadexec", "/bin/true") },
		},
		"exec from a thread, then failure": {
			want: counts{"forks": 1, "execs": 2, "exits": 1, "exits_failed": 1},
			run:  func() { runs(t, dir, program, "threadexec", "/bin/false") },
		},
		"threads": {want: one, run: func() { runs(t, dir, program, "threads", "20") }},
		"fork without exec": {
			want: one.plus(counts{"forks": 20, "exits": 20}),
			run:  func() { runs(t, dir, program, "forknoexec", "20") },
		},
		"shell": {
			want: counts{"forks": 6, "execs": 5, "exits": 6, "exits_failed": 3, "exits_signaled": 1},
			run: func() {
				runs(t, dir, "/bin/sh", "-c", `/bin/true; /bin/false; (exit 5); sh -c 'kill -KILL $$'; /bin/true; exit 7`)
			},
		},
	}
}

func TestCounters(t *testing.T) {
	l := listeners.Guard(t)
	p := plugin.Start(t)
	l.Require(1)
	for name, tt := range counterCases(t) {
		t.Run(name, func(t *testing.T) {
			requireCounts(t, p, tt.want, func(func() counts) func() {
				tt.run()
				return nil
			})
		})
	}
	require.EqualValues(t, 0, plugin.Int(p.Gather().Listener, "lost"))
}

// The plugin comes to its events when all is over, as it may on a busy machine,
// and /proc has nothing left to say about them.
func TestCountersLate(t *testing.T) {
	l := listeners.Guard(t)
	p := plugin.Start(t)
	l.Require(1)
	for name, tt := range counterCases(t) {
		t.Run(name, func(t *testing.T) {
			requireCounts(t, p, tt.want, func(func() counts) func() {
				resume := pause(t, p)
				tt.run()
				resume()
				return nil
			})
		})
	}
	require.EqualValues(t, 0, plugin.Int(p.Gather().Listener, "lost"))
}

// pause stops all threads of the plugin until resume is called.
func pause(t *testing.T, p *plugin.Process) (resume func()) {
	t.Helper()
	resume = sync.OnceFunc(func() { p.Signal(syscall.SIGCONT) })
	// A stopped plugin would not end when the test fails.
	t.Cleanup(resume)
	p.Signal(syscall.SIGSTOP)
	check.Eventually(t, "the plugin pauses", time.Second, func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid()))
		require.NoError(t, err)
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			require.NoError(t, err)
			if check.State(stat) != 'T' {
				return false
			}
		}
		return true
	})
	return resume
}

// A process whose first thread is gone lives on until the last one has ended,
// and ends once.
func TestFirstThreadEnds(t *testing.T) {
	l := listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t)
	l.Require(1)

	want := counts{"forks": 1, "execs": 1, "exits": 1}
	requireCounts(t, p, want, func(soFar func() counts) func() {
		cmd := exec.Command(program, "leaderexit", "stdin")
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// The first thread is a zombie, but not the process: that could be
		// waited for.
		check.Eventually(t, "the first thread ends", 5*time.Second, func() bool { return !check.Alive(cmd.Process.Pid) })
		// So long that what is undecided has been looked at more than once.
		time.Sleep(pace.Limit(150 * time.Millisecond))
		meanwhile := soFar()
		require.NoError(t, syscall.Kill(cmd.Process.Pid, 0))
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
		return func() { require.Equal(t, counts{"forks": 1, "execs": 1}, meanwhile) }
	})
}

// createdTasks is how many processes and threads the kernel has created since it
// booted (total_forks in kernel/fork.c).
func createdTasks(t *testing.T) int64 {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	for line := range strings.Lines(string(stat)) {
		var n int64
		if _, err := fmt.Sscanf(line, "processes %d", &n); err == nil {
			return n
		}
	}
	require.Fail(t, "no processes in /proc/stat")
	return 0
}

// A moment is a report, and what the kernel's number was before and after it: what
// was created before is in the report. They are the same when nothing on the
// machine was created.
type moment struct {
	report      plugin.Report
	least, most int64
}

// quiet returns a moment in which nothing was created, or any moment when others
// never rest.
func quiet(t *testing.T, p *plugin.Process) moment {
	t.Helper()
	for deadline := time.Now().Add(pace.Limit(windowLimit)); ; {
		m := moment{least: createdTasks(t)}
		first := p.Gather()
		time.Sleep(10 * time.Millisecond)
		m.report = p.Gather()
		m.most = createdTasks(t)
		// Without events in between, those of the past have been counted.
		if plugin.Int(first.Listener, "events") == plugin.Int(m.report.Listener, "events") && m.least == m.most {
			return m
		}
		if time.Now().After(deadline) {
			m.least = createdTasks(t)
			p.WaitExec(check.TrueOnce(t), stopLimit) // and so what came before
			m.report = p.Gather()
			m.most = createdTasks(t)
			t.Logf("others never rest: %d to %d tasks", m.least, m.most)
			return m
		}
	}
}

// Whatever else goes on: what the kernel creates is what the plugin counts.
func TestForksAgreeWithKernel(t *testing.T) {
	listeners.Guard(t)
	program, dir := workload.Build(t), t.TempDir()
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "threads = true")))

	for range 3 {
		earlier := quiet(t, p)
		runs(t, dir, program, "threads", "50")
		runs(t, dir, program, "forknoexec", "30")
		storm(t, 20)
		later := quiet(t, p)
		before, after := earlier.report, later.report

		forks := plugin.Int(after.Counters, "forks") - plugin.Int(before.Counters, "forks")
		threads := plugin.Int(after.Counters, "threads") - plugin.Int(before.Counters, "threads")
		require.GreaterOrEqual(t, forks+threads, later.least-earlier.most)
		require.LessOrEqual(t, forks+threads, later.most-earlier.least)
		require.GreaterOrEqual(t, forks, int64(1+1+30+20))
		require.GreaterOrEqual(t, threads, int64(50))
		require.EqualValues(t, 0, plugin.Int(after.Listener, "lost"))
	}
}

func TestNoThreadsByDefault(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t)
	r := p.Gather()
	require.False(t, r.Counters.HasField("threads"))
	for _, field := range counterFields {
		require.True(t, r.Counters.HasField(field), field)
	}

	// A filter keeps their events out of the plugin altogether: 2000 of them,
	// each with a beginning and an end.
	before := plugin.Int(r.Listener, "events")
	processes := createdTasks(t)
	runs(t, t.TempDir(), workload.Build(t), "threads", "2000")
	p.WaitExec(check.TrueOnce(t), 5*time.Second)
	events := plugin.Int(p.Gather().Listener, "events") - before
	// Others may be active meanwhile, with a handful of events each.
	others := max(0, createdTasks(t)-processes-2000)
	require.Less(t, events, 2000+8*others)
}
