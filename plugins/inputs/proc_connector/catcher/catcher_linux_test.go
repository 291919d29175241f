package catcher

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/detached"
)

// A taker keeps the events of execs, for a test to take what catchers have read.
type taker struct {
	catchers *Catchers
	mu       sync.Mutex
	execs    map[int32]cnproc.Event // by process
}

// follow keeps them until the session is closed.
func (k *taker) follow(s *cnproc.Session) error {
	var b cnproc.Batch
	for {
		if err := s.Read(&b, -1); err != nil {
			return err
		}
		k.mu.Lock()
		for i := range b.Events {
			if e := &b.Events[i]; e.What == cnproc.EventExec {
				k.execs[e.Task.TGID] = *e
			}
		}
		k.mu.Unlock()
	}
}

// take fills r with what was read of the exec of a process, once its event has come
// and a catcher has been there.
func (k *taker) take(pid int, r *Record) (after time.Duration, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.execs[int32(pid)]
	if !ok || !k.catchers.Take(e.CPU, e.Task.TGID, e.Timestamp, r) {
		return 0, false
	}
	return time.Duration(r.ReadAt - e.Timestamp), true
}

// caught runs a program for as long as it takes until its record can be taken.
func (k *taker) caught(t *testing.T, program string, args ...string) Record {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	require.NoError(t, cmd.Start())
	var r Record
	require.Eventually(t, func() bool {
		_, ok := k.take(cmd.Process.Pid, &r)
		return ok
	}, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	return r
}

// catchLive opens catchers and a session whose execs they read.
func catchLive(t *testing.T, cfg Config) (*Catchers, *taker) {
	t.Helper()
	c, err := Open(cfg)
	require.NoError(t, err)
	k := &taker{catchers: c, execs: make(map[int32]cnproc.Event)}
	s, err := cnproc.Open(cnproc.Config{Filter: cnproc.Filter{NoThreads: true}, Window: 50 * time.Millisecond, Repair: true})
	if err != nil {
		require.NoError(t, c.Close())
		if os.Getenv("CI") == "" && os.Geteuid() != 0 {
			t.Skipf("this machine cannot be listened to: %v", err)
		}
		require.NoError(t, err)
	}
	done := make(chan error)
	go func() { done <- k.follow(s) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-done, cnproc.ErrClosed)
		require.NoError(t, c.Close())
		require.NoError(t, c.Close(), "twice")
		for err := range c.Failures() {
			require.NoError(t, err)
		}
	})
	return c, k
}

// comms lists the threads of this process by name.
func comms(t *testing.T) map[string]int {
	t.Helper()
	threads := make(map[string]int)
	files, err := filepath.Glob("/proc/self/task/*/comm")
	require.NoError(t, err)
	for _, f := range files {
		comm, err := os.ReadFile(f)
		if err != nil {
			continue // has ended
		}
		tid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		require.NoError(t, err)
		threads[strings.TrimSpace(string(comm))] = tid
	}
	return threads
}

// Each exec is caught, with its own arguments. How soon is a figure of "make bench":
// here the program stays until it has been read.
func TestLiveCatch(t *testing.T) {
	const execs = 50
	for _, s := range []Scheduling{Auto, Normal} {
		t.Run(string(s), func(t *testing.T) {
			c, k := catchLive(t, Config{Proc: "/proc", Sys: "/sys", Scheduling: s, Wanted: Wanted{Cmdline: 100, Exe: true, Cwd: true, Cgroup: true}})
			require.Positive(t, c.Report().Threads)
			var longest time.Duration
			for i := range execs {
				cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("# %s\nread end", strings.Repeat("x", i)))
				stdin, err := cmd.StdinPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				var r Record
				require.Eventually(t, func() bool {
					after, ok := k.take(cmd.Process.Pid, &r)
					longest = max(longest, after)
					return ok
				}, time.Minute, time.Millisecond)
				want := strings.Join(cmd.Args, "\x00") + "\x00"
				require.Equal(t, want[:min(len(want), 100)], string(r.Cmdline))
				_, err = stdin.Write([]byte("\n"))
				require.NoError(t, err)
				require.NoError(t, cmd.Wait())
			}
			t.Logf("%d taken, read at most %v after the event, by %v", execs, longest, c.Report())
		})
	}
}

// Everything that is wanted is there, and nothing of what is not.
func TestLiveParts(t *testing.T) {
	long := filepath.Join(t.TempDir(), "a-name-that-is-cut")
	require.NoError(t, os.Symlink("/bin/sleep", long))
	for name, tt := range map[string]struct {
		want    Wanted
		program string
	}{
		"all":             {Wanted{Cmdline: 1000, Exe: true, Cwd: true, Cgroup: true}, "/bin/sleep"},
		"none":            {Wanted{}, "/bin/sleep"},
		"none, long name": {Wanted{}, long},
	} {
		t.Run(name, func(t *testing.T) {
			_, k := catchLive(t, Config{Proc: "/proc", Sys: "/sys", Scheduling: Auto, Wanted: tt.want})
			r := k.caught(t, tt.program, "infinity")
			require.Contains(t, string(r.Status), filepath.Base(tt.program)[:5])
			whole := tt.program == long
			require.Equal(t, tt.want.Cmdline > 0 || whole, string(r.Cmdline) == tt.program+"\x00infinity\x00", "%q", r.Cmdline)
			exe, err := filepath.EvalSymlinks("/bin/sleep")
			require.NoError(t, err)
			require.Equal(t, tt.want.Exe || whole, string(r.Exe) == exe, "%q", r.Exe)
			require.Equal(t, tt.want.Cwd, string(r.Cwd) == "/")
			require.Equal(t, tt.want.Cgroup, len(r.Cgroup) > 0)
			require.False(t, r.Denied)
		})
	}
}

func TestLiveScheduling(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may have these priorities")
	}
	var allowed unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	for s, want := range map[Scheduling]unix.SchedAttr{
		Auto:     {Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK},
		Realtime: {Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK},
		Nice:     {Nice: -20, Flags: unix.SCHED_FLAG_RESET_ON_FORK},
		Normal:   {},
	} {
		t.Run(string(s), func(t *testing.T) {
			c, err := Open(Config{Proc: "/proc", Sys: "/sys", Scheduling: s})
			require.NoError(t, err)
			require.NoError(t, c.Report().Refused)
			threads := comms(t)
			for i, w := range c.workers {
				tid, ok := threads[fmt.Sprintf("catch/%d", i)]
				require.True(t, ok)
				require.NotEqual(t, os.Getpid(), tid)
				attr, err := unix.SchedGetAttr(tid, 0)
				require.NoError(t, err)
				require.Equal(t, want.Policy, attr.Policy)
				require.Equal(t, want.Priority, attr.Priority)
				require.Equal(t, want.Nice, attr.Nice)
				require.Equal(t, want.Flags, attr.Flags)
				var set unix.CPUSet
				require.NoError(t, unix.SchedGetaffinity(tid, &set))
				if c.Report().Pinned == c.Report().Threads {
					require.Equal(t, len(w.group.pin), set.Count())
				}
			}
			require.NoError(t, c.Close())
			// A thread ends a moment after its goroutine.
			require.Eventually(t, func() bool {
				for name := range comms(t) {
					if strings.HasPrefix(name, "catch/") {
						return false
					}
				}
				return true
			}, time.Minute, time.Millisecond)
			var now unix.CPUSet
			require.NoError(t, unix.SchedGetaffinity(0, &now))
			require.Equal(t, allowed, now, "no other thread was pinned")
		})
	}
}

func TestReport(t *testing.T) {
	for want, r := range map[string]Report{
		"2 threads, each on its own CPU, with real-time priority 1": {Threads: 2, Pinned: 2, Scheduling: Realtime},
		"2 threads without CPUs of their own, with nice -20":        {Threads: 2, Scheduling: Nice},
		"1 thread on its own CPU, with nice -20":                    {Threads: 1, Pinned: 1, Scheduling: Nice},
		"1 thread without a CPU of its own, with no priority (x)":   {Threads: 1, Scheduling: Normal, Refused: errors.New("x")},
		"3 threads, 2 of them on their own CPU, with nice -20":      {Threads: 3, Pinned: 2, Scheduling: Nice},
		"2 threads, each on its own CPU (none on isolated CPUs 2-5,7), with real-time priority 1": {
			Threads: 2, Pinned: 2, Isolated: []int{2, 3, 4, 5, 7}, Scheduling: Realtime,
		},
	} {
		require.Equal(t, want, r.String())
	}
}

// deafSocket returns a socket whose messages nobody hears, which it is told when it has
// sent one.
func deafSocket(t *testing.T) int {
	t.Helper()
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	address, ok := peer.LocalAddr().(*net.UDPAddr)
	require.True(t, ok)
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Connect(socket, &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, peer.Close())
	require.NoError(t, unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 3600}))
	return socket
}

// A catcher whose socket fails ends, and says why; it does not spin. Its thread is
// an ordinary one again, and those that ask the others do not wait for it.
func TestLoopFails(t *testing.T) {
	socket := deafSocket(t)
	proc, err := os.Open("/proc")
	require.NoError(t, err)
	m, err := readMachine("/sys")
	require.NoError(t, err)
	w := &worker{tap: os.NewFile(uintptr(socket), "socket"), group: group{pin: m.allowed[:1]}}
	w.loop, err = detached.New(socket, -1, m.allowedSet(), Wanted{})
	require.NoError(t, err)
	c := &Catchers{
		workers: []*worker{w}, proc: proc, allowed: m.allowedSet(),
		failures: make(chan error, 1), closing: make(chan struct{}),
	}
	c.start(w, "catch/test")
	require.Empty(t, ask(c.workers, forever))
	c.place(w, Auto)
	require.True(t, w.pinned)
	occupied, free := c.Check()
	require.Empty(t, occupied)
	require.Empty(t, free)
	require.Empty(t, c.Failures())

	_, err = unix.Write(socket, []byte("x"))
	require.NoError(t, err)
	err = <-c.Failures()
	require.ErrorIs(t, err, unix.ECONNREFUSED)
	require.ErrorContains(t, err, "recvfrom")
	require.ErrorContains(t, err, CPUList(m.allowed[:1]))
	attr, err := unix.SchedGetAttr(w.tid, 0)
	require.NoError(t, err)
	require.Zero(t, attr.Policy)
	var set unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(w.tid, &set))
	require.Equal(t, m.allowedSet(), set)

	occupied, free = c.Check()
	require.Empty(t, occupied)
	require.Empty(t, free)
	require.NoError(t, c.Close())
	for err := range c.Failures() { // which is closed
		require.NoError(t, err)
	}
}

func TestOpenErrors(t *testing.T) {
	_, err := Open(Config{Proc: filepath.Join(t.TempDir(), "none"), Sys: "/sys", Scheduling: Auto})
	require.ErrorIs(t, err, os.ErrNotExist)
}
