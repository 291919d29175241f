package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/ways"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

const (
	// occupiedStart and occupiedEnd are how long the plugin may take beside a
	// program of real-time priority that keeps a CPU to itself.
	occupiedStart = 2 * time.Second
	occupiedEnd   = 5 * time.Second
)

// A hog keeps a CPU busy with real-time priority 50.
type hog struct {
	t   *testing.T
	cmd *exec.Cmd
}

// occupy starts a hog, which leaves when it is told to, and in any case after 10
// seconds of the CPU's time.
func occupy(t *testing.T, cpu int) *hog {
	t.Helper()
	script := "ulimit -t 10; while :; do :; done"
	h := &hog{t: t, cmd: exec.Command("taskset", "-c", strconv.Itoa(cpu), "chrt", "-f", "50", "sh", "-c", script)}
	require.NoError(t, h.cmd.Start())
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill() //nolint:errcheck // it may have left
		_ = h.cmd.Wait()         //nolint:errcheck // as above
	})
	check.Eventually(t, "the CPU is occupied", 10*time.Second, func() bool {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", h.cmd.Process.Pid))
		return err == nil && string(comm) == "sh\n"
	})
	return h
}

// leave has the hog leave. It fails the test if it has left by itself: then nothing
// that happened meanwhile happened beside it.
func (h *hog) leave() {
	h.t.Helper()
	require.True(h.t, check.Alive(h.cmd.Process.Pid), "the CPU is still occupied")
	require.NoError(h.t, h.cmd.Process.Kill())
	require.Error(h.t, h.cmd.Wait())
}

// twoCPUs returns two CPUs, of which one can be occupied.
func twoCPUs(t *testing.T) (free, occupied int) {
	t.Helper()
	if out, err := exec.Command("chrt", "-f", "50", "true").CombinedOutput(); err != nil {
		t.Skipf("No program can have real-time priority here: %v: %s", err, out)
	}
	var allowed unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	if allowed.Count() < 2 {
		t.Skip("This takes two CPUs")
	}
	cpus := make([]int, 0, 2)
	for cpu := 0; len(cpus) < 2; cpu++ {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus[0], cpus[1]
}

// noCatcher is how the log line on a CPU that is occupied begins.
func noCatcher(cpu int) string {
	return fmt.Sprintf("No catcher can run on CPU %d: ", cpu)
}

// sleepOn runs a program on a CPU and returns its process id.
func sleepOn(t *testing.T, cpu int) int {
	t.Helper()
	cmd := exec.Command("taskset", "-c", strconv.Itoa(cpu), "/bin/sleep", "0.05")
	require.NoError(t, cmd.Run())
	return cmd.Process.Pid
}

func requireSleep(t *testing.T, p *plugin.Process, pid int) {
	t.Helper()
	for _, m := range p.Metrics() {
		if plugin.ExecOf(pid)(m) && plugin.Text(m, "cmdline") == "/bin/sleep 0.05" {
			return
		}
	}
	require.Fail(t, "the last exec is missing", "%s\n%s", p.Stdout(), p.Stderr())
}

// A program of higher real-time priority keeps a CPU to itself. The plugin starts,
// reports what is executed on the others, and ends with its last metrics written,
// whichever of the two was there first.
func TestRealtimeProgram(t *testing.T) {
	free, occupied := twoCPUs(t)
	for _, scheduling := range []string{"auto", "normal"} {
		for _, first := range []string{"the program first", "the plugin first", "the program noticed"} {
			t.Run(scheduling+"/"+first, func(t *testing.T) {
				l := listeners.Guard(t)
				config := plugin.Args("--config", plugin.WriteConfig(t, fmt.Sprintf("scheduling = %q", scheduling)))
				plugin.Build(t)
				var h *hog
				if first == "the program first" {
					h = occupy(t, occupied)
				}
				start := time.Now()
				p := plugin.Start(t, config)
				require.Less(t, time.Since(start), pace.Limit(occupiedStart))
				if h == nil {
					h = occupy(t, occupied)
				}
				if first == "the program noticed" {
					require.EqualValues(t, 1, plugin.Int(p.Gather().Listener, "listening"))
				}
				pid := sleepOn(t, free)

				start = time.Now()
				p.Signal(syscall.SIGTERM)
				l.RequireWithin(0, ignoreLimit)
				check.Exited(t, 0, p.Wait(occupiedEnd))
				require.Less(t, time.Since(start), pace.Limit(occupiedEnd))
				h.leave()
				requireSleep(t, p, pid)
				require.Empty(t, check.Errors(p.Stderr()))
				if scheduling == "auto" {
					warnings := check.Warnings(p.Stderr())
					require.Len(t, warnings, 1, "it is told once")
					require.Contains(t, warnings[0], noCatcher(occupied))
					require.Contains(t, warnings[0], "higher real-time priority")
					if first != "the plugin first" { // else it is found when there is no time to look for it
						require.Contains(t, warnings[0], fmt.Sprintf("\"sh\" (pid %d)", h.cmd.Process.Pid))
					}
				}
			})
		}
	}
}

// When the program leaves, the catcher is back, and says so.
func TestRealtimeProgramLeaves(t *testing.T) {
	_, occupied := twoCPUs(t)
	l := listeners.Guard(t)
	h := occupy(t, occupied)
	p := plugin.Start(t)
	p.WaitStderr(noCatcher(occupied), occupiedEnd)
	p.Gather()
	h.leave()
	back := fmt.Sprintf("A catcher runs on CPU %d again", occupied)
	check.Eventually(t, "the catcher is back", occupiedEnd, func() bool {
		p.Gather()
		return strings.Contains(p.Stderr(), back)
	})
	h = occupy(t, occupied)
	p.Gather()
	check.Eventually(t, "it is told again", occupiedEnd, func() bool { return strings.Count(p.Stderr(), noCatcher(occupied)) == 2 })
	h.leave()
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}

// Not even a plugin that is killed stays for as long as the program does, once it
// has found that its catcher cannot run.
func TestRealtimeProgramAndKill(t *testing.T) {
	_, occupied := twoCPUs(t)
	l := listeners.Guard(t)
	dir := state.Dir(t)
	h := occupy(t, occupied)
	p := plugin.Start(t, plugin.StateDir(dir))
	p.WaitStderr(noCatcher(occupied), occupiedEnd)
	p.Signal(syscall.SIGKILL)
	check.Killed(t, p.Wait(occupiedEnd))
	h.leave()

	p = plugin.Start(t, plugin.StateDir(dir)) // gives back what the other has left
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}

// What keeps stdout from taking metrics breaks while the CPU is occupied.
func TestRealtimeProgramAndClosedStdout(t *testing.T) {
	_, occupied := twoCPUs(t)
	l := listeners.Guard(t)
	read, write := unread(t)
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))
	require.NoError(t, write.Close())
	h := occupy(t, occupied)
	require.NoError(t, read.Close())
	check.TrueOnce(t)
	check.Exited(t, 1, p.Wait(occupiedEnd))
	h.leave()
	l.Require(0)
}

// Telegraf is stopped, and killed.
func TestRealtimeProgramAndTelegraf(t *testing.T) {
	_, occupied := twoCPUs(t)
	ways.Each(t, func(t *testing.T, w ways.Way) {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(sig.String(), func(t *testing.T) {
				l := listeners.Guard(t)
				dir := state.Dir(t)
				a, _ := w.Run(t, telegraf.StateDir(dir))
				plugins := w.Processes(t, a)
				require.Len(t, plugins, 1)
				l.Require(1)
				h := occupy(t, occupied)
				if w.Inside {
					a.WaitLog(noCatcher(occupied), execd.Timeout)
				}

				start := time.Now()
				a.Stop(sig)
				check.Eventually(t, "the plugin ends", occupiedEnd, func() bool { return !check.Alive(plugins[0]) })
				require.Less(t, time.Since(start), pace.Limit(occupiedEnd))
				h.leave()
				if w.Inside && sig == syscall.SIGKILL {
					p := plugin.Start(t, plugin.StateDir(dir)) // gives back what Telegraf has left
					check.Exited(t, 0, p.Stop())
				}
				l.Require(0)
			})
		}
	})
}
