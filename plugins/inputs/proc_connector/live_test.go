//go:build linux

package proc_connector

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// startLive starts the plugin on the live kernel, or says why this machine
// cannot be listened to.
func startLive(t *testing.T, p *ProcConnector) *testutil.Accumulator {
	t.Helper()
	p.StateDirectory = t.TempDir()
	require.NoError(t, p.Init())
	acc := &testutil.Accumulator{}
	if err := p.Start(acc); err != nil {
		if os.Getenv("CI") == "" && os.Geteuid() != 0 {
			t.Skipf("this machine cannot be listened to: %v", err)
		}
		require.NoError(t, err)
	}
	t.Cleanup(p.Stop)
	return acc
}

// execOf returns the fields of the exec metric of a process.
func execOf(acc *testutil.Accumulator, pid int) map[string]interface{} {
	acc.Lock()
	defer acc.Unlock()
	for _, m := range acc.Metrics {
		if m.Measurement == "proc_connector_exec" && m.Fields["pid"] == int64(pid) {
			return m.Fields
		}
	}
	return nil
}

func TestLiveExec(t *testing.T) {
	p := newPlugin(t)
	p.ExecFields = execFields
	acc := startLive(t, p)

	dir := t.TempDir()
	cmd := exec.Command("/bin/sleep", "infinity") // until it has been looked at
	cmd.Dir = dir
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	}()
	require.Eventually(t, func() bool { return execOf(acc, cmd.Process.Pid) != nil }, time.Minute, 5*time.Millisecond)

	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
	require.NoError(t, err)
	got := execOf(acc, cmd.Process.Pid)
	require.Equal(t, "/bin/sleep infinity", got["cmdline"])
	require.Equal(t, dir, got["cwd"])
	require.Equal(t, exe, got["exe"])
	require.EqualValues(t, os.Getpid(), got["ppid"])
	require.Equal(t, filepath.Base(os.Args[0]), got["parent_command"], "whole, although the kernel cuts it")
	require.EqualValues(t, os.Getuid(), got["uid"])
	require.Equal(t, "full", got["detail"])

	var gathered testutil.Accumulator
	require.NoError(t, p.Gather(&gathered))
	listener, ok := gathered.Get("proc_connector_listener")
	require.True(t, ok)
	require.EqualValues(t, 1, listener.Fields["listening"])
	require.EqualValues(t, 1, listener.Fields["listens"])
	require.Positive(t, listener.Fields["processes"])
	require.Positive(t, listener.Fields["lag_seconds"])
}

// A secret on the command line of a real program is masked before it is reported.
func TestLiveSecret(t *testing.T) {
	const planted = "Tr0ub4dor-3"
	acc := startLive(t, newPlugin(t))

	cmd := exec.Command("/bin/sh", "-c", "sleep 0.2; true --user=joe", "sh", "--password", planted)
	require.NoError(t, cmd.Start())
	defer func() { require.NoError(t, cmd.Wait()) }()
	require.Eventually(t, func() bool { return execOf(acc, cmd.Process.Pid) != nil }, time.Minute, 5*time.Millisecond)
	require.Equal(t, "/bin/sh -c 'sleep 0.2; true --user=joe' sh --password '***'", execOf(acc, cmd.Process.Pid)["cmdline"])

	acc.Lock()
	defer acc.Unlock()
	for _, m := range acc.Metrics {
		require.NotContains(t, fmt.Sprint(m.Tags, m.Fields), planted)
	}
}

func TestStopIsPatient(t *testing.T) {
	p := newPlugin(t)
	p.Stop() // nothing was started
	require.EqualError(t, p.Gather(&testutil.Accumulator{}), "not started")

	acc := startLive(t, p)
	require.EqualError(t, p.Start(acc), "already started")
	done := make(chan struct{})
	for range 8 {
		go func() {
			p.Stop()
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	require.EqualError(t, p.Gather(acc), "not started")

	again := startLive(t, p)
	require.NoError(t, p.Gather(again))
	p.Stop()
}

// Telegraf gathers from one goroutine at a time, and may stop the plugin from another.
func TestLiveStopWhileGathering(t *testing.T) {
	p := newPlugin(t)
	acc := startLive(t, p)
	gathered, ended := make(chan struct{}, 1), make(chan error)
	go func() {
		for {
			err := p.Gather(acc)
			if err != nil {
				ended <- err
				return
			}
			select {
			case gathered <- struct{}{}:
			default:
			}
		}
	}()
	<-gathered
	require.NoError(t, exec.Command("/bin/true").Run())
	<-gathered
	p.Stop()
	require.EqualError(t, <-ended, "not started")
}

// A Start that fails leaves no descriptor behind, and the next one works.
func TestStartFails(t *testing.T) {
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	// A directory that could be proc, of a machine without process events.
	noEvents := t.TempDir()
	for _, dir := range []string{"self/stat", "thread-self/net/ns"} {
		require.NoError(t, os.MkdirAll(filepath.Join(noEvents, dir), 0o750))
	}
	require.NoError(t, os.WriteFile(filepath.Join(noEvents, "thread-self", "net", "connector"), []byte("Name ID\n"), 0o600))

	p := newPlugin(t)
	require.NoError(t, p.Init())
	for proc, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "reading processes needs proc to be mounted on ",
		t.TempDir():                        "reading processes needs proc to be mounted on ",
		noEvents:                           "this kernel reports no process events",
	} {
		p.host.proc = proc
		require.ErrorContains(t, p.Start(&testutil.Accumulator{}), want) // and whatever is opened once
		before := descriptors()
		require.ErrorContains(t, p.Start(&testutil.Accumulator{}), want)
		require.LessOrEqual(t, descriptors(), before)
		p.Stop()
	}
	p.host.proc = "/proc"
	startLive(t, p)
}

// A family lets events of one process and its descendants through to a
// tracker, so that its counters can be compared with what was done.
type family struct {
	*tracker
	members map[int32]bool
}

func (f *family) follow(session *cnproc.Session) error {
	var b cnproc.Batch
	for {
		if err := session.Read(&b, f.patience()); err != nil {
			return err
		}
		for i := range b.Events {
			e := &b.Events[i]
			if e.What == cnproc.EventFork && f.members[e.Parent.TGID] {
				f.members[e.Task.TGID] = true
			}
			if f.members[e.Task.TGID] {
				f.take(e)
			}
		}
		if b.Until != 0 {
			f.emptied(b.Missed(), b.Until)
		}
	}
}

func TestLiveCounters(t *testing.T) {
	p := newPlugin(t)
	require.NoError(t, p.Init())
	session, err := cnproc.Open(cnproc.Config{Filter: cnproc.Filter{Types: allTypes, NoThreads: true}})
	if err != nil && os.Getenv("CI") == "" && os.Geteuid() != 0 {
		t.Skipf("this machine cannot be listened to: %v", err)
	}
	require.NoError(t, err)
	fs, err := procfs.Open("/proc")
	require.NoError(t, err)
	var acc testutil.Accumulator
	c := newTracker(p, fs, newEmitter(&acc, p.ExecFields, false, 1024))
	f := &family{tracker: c, members: make(map[int32]bool)}
	ready := exec.Command("/bin/sh", "-c", "read go; "+
		"for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; "+ // 10 forks, execs, exits
		"for i in 1 2 3; do /bin/false; done; "+ // 3 of each, failed
		"(exit 5); (exit 0); "+ // 2 forks, 2 exits without exec, 1 failed
		"/bin/sh -c 'kill -KILL $$'; /bin/sh -c 'kill -TERM $$'; "+ // 2 signaled
		"exec /bin/sh -c 'exit 7'") // an exec without a fork; the shell itself fails
	stdin, err := ready.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, ready.Start())
	f.members[int32(ready.Process.Pid)] = true

	done := make(chan error)
	go func() { done <- f.follow(session) }()
	_, err = stdin.Write([]byte("\n"))
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, ready.Wait(), &exit)
	require.Equal(t, 7, exit.Sys().(syscall.WaitStatus).ExitStatus())
	require.NoError(t, session.Ignore())
	require.ErrorIs(t, <-done, cnproc.ErrClosed)
	require.NoError(t, session.Close())

	// The session was opened before the first shell was started, so that one is
	// a fork and an exec more.
	want := counters{forks: 18, Counts: processes.Counts{Execs: 17, Exits: 18, ExitsFailed: 5, ExitsSignaled: 2}}
	c.finish()
	require.NoError(t, fs.Close())
	got := c.snapshot().counters
	got.Runtime = 0
	require.Equal(t, want, got)
}
