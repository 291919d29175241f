package workload_test

import (
	"bytes"
	"debug/elf"
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

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// result is how a run of the workload went.
type result struct {
	pid    int
	status syscall.WaitStatus
	stdout string
	stderr string
	took   time.Duration
}

func run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.Command(workload.Build(t), args...)
	// For the core files of what is meant to crash.
	cmd.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	require.NoError(t, cmd.Start())
	err := cmd.Wait()
	took := time.Since(start)
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	return result{cmd.Process.Pid, status, stdout.String(), stderr.String(), took}
}

// succeed is run for what is expected to exit with status 0.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := run(t, args...)
	require.Zero(t, r.status, "wait status; standard error: %s", r.stderr)
	return r
}

// witness runs f, which runs the workload, and returns with its result the events
// that the filter wants. What one process did, one thing after the other, is in
// order.
//
// When the queue overran, as other programs on the machine can make it do, the
// events tell nothing, and all is done again.
func witness(t *testing.T, f func() result, wanted func(pid uint32, ev rawlisten.Event) bool) (result, []rawlisten.Event) {
	t.Helper()
	truecount.Guard(t)
	for range 5 {
		if r, events, ok := witnessOnce(t, f, wanted); ok {
			return r, events
		}
		t.Log("The queue overran")
	}
	t.Fatal("The queue overran each time")
	return result{}, nil
}

func witnessOnce(t *testing.T, f func() result, wanted func(pid uint32, ev rawlisten.Event) bool) (r result, events []rawlisten.Event, ok bool) {
	t.Helper()
	c, err := rawlisten.Dial()
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Send(rawlisten.Listen))
	defer func() { require.NoError(t, c.Send(rawlisten.Ignore)) }()

	r = f()
	heard := false
	for {
		ev, more := c.Receive()
		if !more {
			break
		}
		if ev.What == rawlisten.EventExit && ev.Data[0] == uint32(r.pid) {
			heard = true
		}
		if wanted(uint32(r.pid), ev) {
			events = append(events, ev)
		}
	}
	if c.Overran() {
		return r, nil, false
	}
	require.True(t, heard, "the end of the workload is among the events, unless the machine is deaf")
	return r, events, true
}

func TestStatic(t *testing.T) {
	f, err := elf.Open(workload.Build(t))
	require.NoError(t, err)
	defer f.Close()
	require.NotEmpty(t, f.Progs)
	for _, p := range f.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"nonesuch"},
		{"exit"},
		{"exit", "1", "2"},
		{"exit", "-1"},
		{"signal", "SIGNONESUCH"},
	} {
		r := run(t, args...)
		require.Equal(t, 2, r.status.ExitStatus(), args)
		require.Contains(t, r.stderr, "usage: workload exit STATUS", args)
	}
}

func TestSleep50(t *testing.T) {
	r := succeed(t, "sleep50", "any", "--argument")
	require.GreaterOrEqual(t, r.took, 50*time.Millisecond)
	require.Less(t, r.took, 2*time.Second)
}

func TestExit(t *testing.T) {
	for _, status := range []int{0, 1, 42, 255} {
		r := run(t, "exit", strconv.Itoa(status))
		require.True(t, r.status.Exited())
		require.Equal(t, status, r.status.ExitStatus())
	}
}

func TestSignal(t *testing.T) {
	// SIGSEGV and SIGPIPE are among those that the Go runtime treats in its own way.
	for name, sig := range map[string]syscall.Signal{
		"SIGTERM": syscall.SIGTERM,
		"SIGKILL": syscall.SIGKILL,
		"SIGSEGV": syscall.SIGSEGV,
		"SIGPIPE": syscall.SIGPIPE,
		"SIGUSR1": syscall.SIGUSR1,
	} {
		r := run(t, "signal", name)
		require.True(t, r.status.Signaled(), name)
		require.Equal(t, sig, r.status.Signal())
	}

	r := run(t, "signal", "SIGCHLD")
	require.Equal(t, 1, r.status.ExitStatus())
	require.Contains(t, r.stderr, "survived SIGCHLD")
}

func TestAbort(t *testing.T) {
	r, dumps := witness(t,
		func() result { return run(t, "abort") },
		func(pid uint32, ev rawlisten.Event) bool {
			return ev.What == rawlisten.EventCoredump && ev.Data[1] == pid
		})
	require.True(t, r.status.Signaled())
	require.Equal(t, syscall.SIGABRT, r.status.Signal())
	require.Len(t, dumps, 1)
}

func TestSetuid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Needs root")
	}
	r, events := witness(t,
		func() result { return succeed(t, "setuid", "65534") },
		func(pid uint32, ev rawlisten.Event) bool {
			return ev.What == rawlisten.EventUID && ev.Data[1] == pid
		})
	require.Equal(t, "Uid:\t65534\t65534\t65534\t65534\n", r.stdout)
	require.Len(t, events, 1)
	require.Equal(t, uint32(r.pid), events[0].Data[0])
	require.Equal(t, uint32(65534), events[0].Data[2], "ruid")
}

func TestSetsid(t *testing.T) {
	r, events := witness(t,
		func() result { return succeed(t, "setsid") },
		func(pid uint32, ev rawlisten.Event) bool {
			return ev.What == rawlisten.EventSID && ev.Data[1] == pid
		})
	require.Equal(t, fmt.Sprintf("%d\n", r.pid), r.stdout)
	require.Len(t, events, 1)
}

func TestThreadexec(t *testing.T) {
	r, events := witness(t,
		func() result { return succeed(t, "threadexec", "sh", "-c", `echo "$$ $1"`, "sh", "argument") },
		func(pid uint32, ev rawlisten.Event) bool {
			return ev.Data[0] == pid && (ev.What == rawlisten.EventExec || ev.What == rawlisten.EventExit)
		})

	lines := strings.Split(r.stdout, "\n")
	require.Len(t, lines, 3)
	require.NotEqual(t, strconv.Itoa(r.pid), lines[0], "thread id")
	require.Equal(t, fmt.Sprintf("%d argument", r.pid), lines[1])

	// The exit in the middle is that of the leader whose place the thread took.
	kinds := make([]uint32, 0, len(events))
	for _, ev := range events {
		kinds = append(kinds, ev.What)
	}
	require.Equal(t, []uint32{
		rawlisten.EventExec, rawlisten.EventExit, rawlisten.EventExec, rawlisten.EventExit,
	}, kinds)
}

func TestRename(t *testing.T) {
	const count = 100
	r, events := witness(t,
		func() result { return succeed(t, "rename", "some name", strconv.Itoa(count)) },
		func(pid uint32, ev rawlisten.Event) bool {
			return ev.What == rawlisten.EventComm && ev.Data[1] == pid
		})
	require.Equal(t, "some name\n", r.stdout)
	require.Len(t, events, count)
	for _, ev := range events {
		require.Equal(t, uint32(r.pid), ev.Data[0], "the main thread")
	}
}

func TestRenameAMillionTimes(t *testing.T) {
	r := succeed(t, "rename", "fast", "1000000")
	require.Equal(t, "fast\n", r.stdout)
	require.Less(t, r.took, 20*time.Second)
	t.Logf("Took %s", r.took)
}

func TestPtrace(t *testing.T) {
	target := exec.Command("sleep", "600")
	require.NoError(t, target.Start())
	t.Cleanup(func() {
		require.NoError(t, target.Process.Kill())
		require.Error(t, target.Wait(), "killed")
	})
	r, events := witness(t,
		func() result { return succeed(t, "ptrace", strconv.Itoa(target.Process.Pid)) },
		func(_ uint32, ev rawlisten.Event) bool {
			return ev.What == rawlisten.EventPtrace && ev.Data[0] == uint32(target.Process.Pid)
		})
	tracers := make([]uint32, 0, len(events))
	for _, ev := range events {
		tracers = append(tracers, ev.Data[2])
	}
	require.Equal(t, []uint32{uint32(r.pid), 0}, tracers, "attached, then free")

	// Detached and running, not left in a stop.
	state, _ := stat(t, target.Process.Pid)
	require.Contains(t, []string{"S", "R"}, state)
}

func TestLeaderexit(t *testing.T) {
	const life = time.Second
	cmd := exec.Command(workload.Build(t), "leaderexit", strconv.Itoa(int(life.Milliseconds())))
	start := time.Now()
	require.NoError(t, cmd.Start())

	var state string
	var threads int
	for state != "Z" && time.Since(start) < life {
		time.Sleep(time.Millisecond)
		state, threads = stat(t, cmd.Process.Pid)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", cmd.Process.Pid))
	require.NoError(t, err)

	require.NoError(t, cmd.Wait())
	require.GreaterOrEqual(t, time.Since(start), life)
	require.Equal(t, "Z", state)
	require.Greater(t, threads, 1)
	require.Greater(t, len(tasks), 1)
}

// stat returns the state and the number of threads from /proc/PID/stat.
func stat(t *testing.T, pid int) (state string, threads int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	// The name in brackets is the second field, and may contain anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	threads, err = strconv.Atoi(fields[20-3])
	require.NoError(t, err)
	return fields[0], threads
}

func TestForknoexec(t *testing.T) {
	const count = 20
	r, events := witness(t,
		func() result { return succeed(t, "forknoexec", strconv.Itoa(count)) },
		func(uint32, rawlisten.Event) bool { return true })

	// Every process that was forked in the meantime, also by others.
	type life struct{ parent, execs, exits int }
	lives := make(map[uint32]*life)
	for _, ev := range events {
		switch pid := ev.Data[0]; {
		case ev.What == rawlisten.EventFork && ev.Data[2] == ev.Data[3]:
			lives[ev.Data[2]] = &life{parent: int(ev.Data[1])}
		case lives[pid] == nil:
		case ev.What == rawlisten.EventExec:
			lives[pid].execs++
		case ev.What == rawlisten.EventExit:
			lives[pid].exits++
		}
	}
	children := 0
	for _, l := range lives {
		if l.parent != r.pid {
			continue
		}
		children++
		require.Equal(t, life{parent: r.pid, execs: 0, exits: 1}, *l)
	}
	require.Equal(t, count, children)
}

func TestThreads(t *testing.T) {
	const count = 50
	r := succeed(t, "threads", strconv.Itoa(count))

	var threads int
	_, err := fmt.Sscanf(r.stdout, "Threads:\t%d\n", &threads)
	require.NoError(t, err)
	require.Greater(t, threads, count)
	require.Less(t, threads, 2*count, "the runtime has a few of its own")
}
