package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// running is what a scan of /proc counts for the commands of a box.
func (b toolbox) running() map[string]int64 {
	n := make(map[string]int64)
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b.t, err)
	for _, path := range names {
		stat, err := os.ReadFile(path)
		if err != nil || check.State(stat) == 'Z' || check.State(stat) == 'X' {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), "(")
		comm := rest[:strings.LastIndexByte(rest, ')')]
		if strings.HasPrefix(comm, b.tag+"-") {
			n[comm]++
		}
	}
	return n
}

// runningSeries is what the plugin says of them.
func (b toolbox) runningSeries(r plugin.Report) map[string]int64 {
	n := make(map[string]int64)
	for _, m := range r.Commands {
		command, _ := m.GetTag("command")
		if running := plugin.Int(m, "running"); running > 0 && strings.HasPrefix(command, b.tag+"-") {
			n[command] += running
		}
	}
	return n
}

// drops is what the kernel says it could not queue for the plugin's session: the last
// columns of /proc/net/netlink are drops and inode, of which the plugin has those among
// its descriptors. Its other members have passive port ids (cnproc), and what they drop is
// no loss.
func drops(t *testing.T, pid int) int64 {
	t.Helper()
	own := make(map[string]bool)
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	table, err := os.ReadFile("/proc/net/netlink")
	require.NoError(t, err)
	sum := int64(0)
	for line := range strings.Lines(string(table)) {
		// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		f := strings.Fields(line)
		if len(f) == 10 && own[f[9]] {
			port, err := strconv.ParseUint(f[2], 10, 32)
			require.NoError(t, err)
			if port>>28 == 5 {
				continue
			}
			n, err := strconv.ParseInt(f[8], 10, 64)
			require.NoError(t, err)
			sum += n
		}
	}
	return sum
}

// churn leaves processes of the box running, in the midst of many others that
// come and go, and returns how to end them.
func churn(t *testing.T, box toolbox) (end func()) {
	t.Helper()
	program, dir := workload.Build(t), t.TempDir()
	const rounds = 12
	residents := make([]*exec.Cmd, 0, 2*rounds)
	end = func() {
		for _, cmd := range residents {
			_ = cmd.Process.Kill() //nolint:errcheck // it may have ended
			require.Error(t, cmd.Wait())
		}
		residents = nil
	}
	t.Cleanup(end)
	for i := range rounds {
		cmd := exec.Command(box.link("stays"+strconv.Itoa(i%3), "sleep"), "600")
		require.NoError(t, cmd.Start())
		residents = append(residents, cmd)
		runs(t, dir, box.link("spawn", program), "spawn", "100", box.link("short", "true"))
		runs(t, dir, box.link("forker", program), "forknoexec", "100")
		// One that becomes another, and children of one that is gone.
		cmd = exec.Command(box.link("shell", "sh"), "-c", box.link("left", "sleep")+" 600 & exec "+box.link("replaced", "sleep")+" 600")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		require.NoError(t, cmd.Start())
		residents = append(residents, cmd)
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) //nolint:errcheck // it may have ended
	}
	return end
}

// requireRunning waits until the plugin counts of each command of the box as
// many processes as /proc shows.
func requireRunning(t *testing.T, p *plugin.Process, box toolbox, want map[string]int64) {
	t.Helper()
	var got, shown map[string]int64
	for deadline := time.Now().Add(pace.Wait(10 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		r := p.Gather()
		requireSums(t, r)
		got, shown = box.runningSeries(r), box.running()
		if fmt.Sprint(got) == fmt.Sprint(want) && fmt.Sprint(shown) == fmt.Sprint(want) {
			return
		}
		if time.Now().After(deadline) {
			require.Equal(t, want, shown, "the processes themselves")
			require.Equal(t, shown, got)
		}
	}
}

func stays(box toolbox) map[string]int64 {
	return map[string]int64{
		box.name("stays0"): 4, box.name("stays1"): 4, box.name("stays2"): 4, box.name("left"): 12, box.name("replaced"): 12,
	}
}

// After a storm, what runs is what /proc shows.
func TestRunning(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exec_events = false\nmax_commands = 10000")))
	box := newToolbox(t, "run")
	end := churn(t, box)
	requireRunning(t, p, box, stays(box))
	end()
	left := map[string]int64{box.name("left"): 12}
	requireRunning(t, p, box, left)
	require.EqualValues(t, 0, plugin.Int(p.Gather().Listener, "lost"))
}

// The same when so much is lost that hardly anything is known any more: after
// that, /proc is read anew.
func TestRunningAfterLoss(t *testing.T) {
	l := listeners.Guard(t)
	config := plugin.WriteConfig(t, "exec_events = false\nmax_commands = 10000\nreceive_buffer = \"4KiB\"")
	p := plugin.Start(t, plugin.Args("--config", config))
	l.Require(1)
	before := p.Gather()
	require.EqualValues(t, 0, plugin.Int(before.Listener, "resyncs"))

	box := newToolbox(t, "loss")
	resume := pause(t, p)
	end := churn(t, box)
	require.Positive(t, drops(t, p.Pid()))
	resume()
	check.Eventually(t, "the table is rebuilt", 10*time.Second, func() bool {
		return plugin.Int(p.Gather().Listener, "resyncs") > 0
	})
	requireRunning(t, p, box, stays(box))

	// While nothing else overruns, which gathers and others may, both agree.
	check.Eventually(t, "lost is what the kernel says", 10*time.Second, func() bool {
		first := drops(t, p.Pid())
		lost := plugin.Int(p.Gather().Listener, "lost")
		return first == lost && drops(t, p.Pid()) == first
	})
	end()
	requireRunning(t, p, box, map[string]int64{box.name("left"): 12})
	t.Logf("lost %d, resyncs %d", plugin.Int(p.Gather().Listener, "lost"), plugin.Int(p.Gather().Listener, "resyncs"))
}
