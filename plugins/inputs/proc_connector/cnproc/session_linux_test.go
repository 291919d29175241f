package cnproc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The tests of this file talk to the live kernel, and assert only on processes
// and threads of their own. That the kernel's count is afterwards what it was
// is tested where it can be read, in the module under test/.

func uintptrOf(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// openLive opens a session, or says why this machine has none to offer.
func openLive(t testing.TB, cfg Config) *Session {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		if os.Getenv("CI") == "" && !isRoot() {
			t.Skipf("this machine cannot be listened to: %v", err)
		}
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func isRoot() bool { return os.Geteuid() == 0 }

// A log keeps all events.
type log struct {
	mu     sync.Mutex
	events []Event
	loss   uint64
}

func (l *log) take(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, b.Events...)
	l.loss += b.Lost
}

func (l *log) lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loss
}

// of returns the types of the events of one process, in order.
func (l *log) of(tgid int) []EventType {
	l.mu.Lock()
	defer l.mu.Unlock()
	var what []EventType
	for i := range l.events {
		if l.events[i].Task.TGID == int32(tgid) {
			what = append(what, l.events[i].What)
		}
	}
	return what
}

// find returns the events that match.
func (l *log) find(match func(e *Event) bool) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Event
	for i := range l.events {
		if match(&l.events[i]) {
			found = append(found, l.events[i])
		}
	}
	return found
}

// receive hands over what a session reads until the test ends.
func receive(t testing.TB, s *Session, take func(b *Batch)) {
	t.Helper()
	done := make(chan error)
	go func() { done <- follow(s, take) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-done)
	})
}

func TestLiveProcess(t *testing.T) {
	s := openLive(t, Config{})
	l := &log{}
	receive(t, s, l.take)

	before := time.Now()
	cmd := exec.Command("/bin/sh", "-c", "exit 7")
	require.Error(t, cmd.Run())
	after := time.Now()
	pid := cmd.Process.Pid

	require.Eventually(t, func() bool {
		what := l.of(pid)
		return len(what) > 0 && what[len(what)-1] == EventExit
	}, time.Minute, time.Millisecond)

	require.Equal(t, []EventType{EventFork, EventExec, EventExit}, l.of(pid))
	events := l.find(func(e *Event) bool { return e.Task.TGID == int32(pid) })
	require.EqualValues(t, os.Getpid(), events[0].Parent.TGID)
	require.Equal(t, 7, events[2].ExitStatus.Code())
	require.Contains(t, []int{os.Getpid(), 0}, int(events[2].Parent.TGID), "0 where this process was told earlier than the connector")
	for _, e := range events {
		require.WithinRange(t, e.Time, before.Add(-time.Millisecond), after.Add(time.Millisecond))
	}
}

func TestLiveThreadsAreFiltered(t *testing.T) {
	with, without := openLive(t, Config{}), openLive(t, Config{Filter: Filter{NoThreads: true}})
	all, few := &log{}, &log{}
	receive(t, with, all.take)
	receive(t, without, few.take)

	// A goroutine that ends while locked to its thread ends the thread, unless
	// that is the first one of the process, which is then never used again.
	tid := os.Getpid()
	for tid == os.Getpid() {
		tids := make(chan int)
		go func() {
			runtime.LockOSThread()
			tids <- unix.Gettid()
		}()
		tid = <-tids
	}

	ofThread := func(e *Event) bool { return e.Task.PID == int32(tid) }
	require.Eventually(t, func() bool { return len(all.find(ofThread)) > 0 }, time.Minute, time.Millisecond)

	// A process started afterwards has passed both filters.
	cmd := exec.Command("/bin/true")
	require.NoError(t, cmd.Run())
	require.Eventually(t, func() bool { return len(few.of(cmd.Process.Pid)) == 3 }, time.Minute, time.Millisecond)
	require.Empty(t, few.find(ofThread))
}

func TestLiveReceiveBuffer(t *testing.T) {
	if !isRoot() {
		t.Skip("only CAP_NET_ADMIN gets what it asks for")
	}
	s := openLive(t, Config{ReceiveBuffer: 12 << 20})
	require.Equal(t, 12<<20, s.ReceiveBuffer())
}

// Canaries fly, and no session takes them for events.
func TestLiveCanary(t *testing.T) {
	require.NoError(t, firstThread.err)
	require.False(t, firstThread.task.Leader())

	first := openLive(t, Config{StateDirectory: t.TempDir()})
	second := openLive(t, Config{StateDirectory: t.TempDir()})
	l := &log{}
	receive(t, second, l.take)
	for range 100 {
		for _, s := range []*Session{first, second} {
			f, err := s.Check()
			require.NoError(t, err)
			require.Equal(t, CheckResult{Listening: true}, f)
		}
	}

	// A process started afterwards is behind them in the queue.
	cmd := exec.Command("/bin/true")
	require.NoError(t, cmd.Run())
	require.Eventually(t, func() bool { return len(l.of(cmd.Process.Pid)) == 3 }, time.Minute, time.Millisecond)
	require.NotContains(t, l.of(os.Getpid()), EventComm)

	name, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	tasks, err := filepath.Glob("/proc/self/task/*/comm")
	require.NoError(t, err)
	for _, task := range tasks {
		other, err := os.ReadFile(task)
		if os.IsNotExist(err) {
			continue // a thread of the runtime's that has ended
		}
		require.NoError(t, err)
		require.Equal(t, name, other, "no thread looks different")
	}
}

// Others may come and go, so only what is certain of this machine is asserted;
// its true count is watched in the module under test/.
func TestLiveExamine(t *testing.T) {
	s := openLive(t, Config{StateDirectory: t.TempDir()})
	e, err := Examine(Config{ReceiveBuffer: 64 << 10})
	require.NoError(t, err)
	require.True(t, e.HeardBefore)
	require.True(t, e.Heard)
	require.Zero(t, e.Missing)
	require.Equal(t, 64<<10, e.ReceiveBuffer)
	require.True(t, slices.ContainsFunc(e.Others, func(m Member) bool { return m.Port == s.port }))

	f, err := Reconcile(Config{StateDirectory: t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, CheckResult{Listening: true}, f)

	leases, err := Leases(s.leases.root.Name())
	require.NoError(t, err)
	require.Len(t, leases, 1)
	boot, err := BootID("/proc")
	require.NoError(t, err)
	require.Equal(t, Lease{Name: s.lease.name, Boot: boot, PID: os.Getpid(), Held: true}, leases[0])
}

// A queue that overruns loses events, and each of them is counted.
func TestLiveOverrun(t *testing.T) {
	s := openLive(t, Config{ReceiveBuffer: 64 << 10})

	// Nothing receives yet, so the queue fills up.
	const renames = 1000
	rename(t, renames)

	l := &log{}
	receive(t, s, l.take)
	require.Eventually(t, func() bool { return s.Stats().Lost > 0 }, time.Minute, time.Millisecond)
	got := len(l.find(renamed))
	require.Less(t, got, renames)
	require.GreaterOrEqual(t, int(s.Stats().Lost), renames-got, "each rename was kept or counted; other programs' events come on top")
	require.Eventually(t, func() bool { return l.lost() == s.Stats().Lost }, time.Minute, time.Millisecond)
	require.Equal(t, drops(t, s), s.Stats().Lost, "the kernel shows the same from outside")

	// Room again: events arrive without anything being done about it.
	rename(t, 1)
	require.Eventually(t, func() bool {
		return len(l.find(renamed)) == got+1
	}, time.Minute, time.Millisecond)
}

// rename has a process change its name n times.
func rename(t *testing.T, n int) {
	t.Helper()
	storm := exec.Command(os.Args[0])
	storm.Env = append(os.Environ(), stormEnv+"="+strconv.Itoa(n))
	require.NoError(t, storm.Run())
}

// renamed accepts the events that rename causes.
func renamed(e *Event) bool { return e.What == EventComm && e.Comm == stormName }

// drops is the column Drops of /proc/net/netlink for a session's socket.
func drops(t *testing.T, s *Session) uint64 {
	t.Helper()
	table, err := os.ReadFile("/proc/net/netlink")
	require.NoError(t, err)
	for _, line := range strings.Split(string(table), "\n") {
		var sk, groups, ino string
		var eth, rmem, wmem, dump, locks, n uint64
		var pid uint32
		if _, err := fmt.Sscan(line, &sk, &eth, &pid, &groups, &rmem, &wmem, &dump, &locks, &n, &ino); err != nil {
			continue
		}
		if eth == netlinkConnector && pid == s.port {
			return n
		}
	}
	require.Fail(t, "the socket is not in /proc/net/netlink")
	return 0
}

// Anybody with CAP_NET_ADMIN may send to a netlink port; only the kernel is
// believed.
func TestLiveSpoofed(t *testing.T) {
	if !isRoot() {
		t.Skip("sending to another socket needs CAP_NET_ADMIN")
	}
	s := openLive(t, Config{})
	l := &log{}
	receive(t, s, l.take)
	addr, err := unix.Getsockname(s.sock.(*netlinkSocket).fd)
	require.NoError(t, err)

	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, netlinkConnector)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Sendto(fd, forkOf(0x7ffffff0).bytes, 0, addr))

	require.Eventually(t, func() bool { return s.Stats().Spoofed == 1 }, time.Minute, time.Millisecond)
	require.Empty(t, l.of(0x7ffffff0))
}

// Acknowledgements, which from Linux 6.6 on any user can cause, do not reach a session:
// they neither wake it nor take room in its queue.
func TestLiveAcknowledgementsOfOthers(t *testing.T) {
	// No other event passes, and two would fill the queue.
	s, err := Open(Config{ReceiveBuffer: 1, Filter: none})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for range 200 {
		for _, op := range []uint32{opListen, opIgnore} {
			n, err := change(s.sys, op, 1, never)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
	}
	drops, err := s.sock.drops()
	require.NoError(t, err)
	require.Zero(t, drops)
	batch, err := s.sock.receive(batchLen)
	require.NoError(t, err)
	require.Empty(t, batch)
}

// Whoever wakes a session may do so while it is closed, and afterwards.
func TestLiveWakeWhileClosing(t *testing.T) {
	s := openLive(t, Config{Filter: Filter{Types: []EventType{EventSID}}})
	waking, woken := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(woken)
		for n := 0; ; n++ {
			if s.Wake() != nil {
				return
			}
			if n == 100 {
				close(waking)
			}
		}
	}()
	<-waking
	require.NoError(t, s.Close())
	<-woken
	require.ErrorIs(t, s.Wake(), os.ErrClosed)
}

// Close ends a Read that is asleep in the kernel.
func TestLiveCloseInterruptsRead(t *testing.T) {
	s := openLive(t, Config{Filter: Filter{Types: []EventType{EventSID}}})
	done := make(chan error)
	go func() { done <- follow(s, func(*Batch) {}) }()
	time.Sleep(20 * time.Millisecond)

	start := time.Now()
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
	require.Less(t, time.Since(start), time.Second)
}

// Opening and closing leaves no descriptor behind, whether it succeeds or not.
func TestLiveDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	proc := filepath.Join(t.TempDir(), "proc") // of a kernel without process events
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "thread-self", "net"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "thread-self", "net", "connector"), []byte("Name            ID\n"), 0o600))
	open := func() {
		s := openLive(t, Config{})
		require.NoError(t, s.Close())
		_, err := Open(Config{Proc: proc})
		require.ErrorIs(t, err, ErrNoProcEvents)
	}
	open() // whatever the runtime opens once
	before := count()
	for range 10 {
		open()
	}
	require.LessOrEqual(t, count(), before)
}

func TestObstacle(t *testing.T) {
	require.ErrorIs(t, obstacle(t.TempDir()), errUnknown)
	if isRoot() {
		require.NoError(t, obstacle("/proc"))
	}
}

// stormEnv tells a child process of a test to change its name so many times.
const stormEnv = "CNPROC_TEST_STORM"

var stormName = [CommLen]byte([]byte("cnproc-storm\x00\x00\x00\x00"))

// firstThread is what renameThread did on the first thread of this process.
var firstThread struct {
	task Task
	err  error
}

// The main goroutine keeps the first thread for itself.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	firstThread.task, firstThread.err = renameThread()
	if n, err := strconv.Atoi(os.Getenv(stormEnv)); err == nil {
		name := stormName[:]
		for range n {
			if err := unix.Prctl(unix.PR_SET_NAME, uintptrOf(name), 0, 0, 0); err != nil {
				panic(err)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// One million events at full speed, with the default buffer: each is received or
// counted as lost, and the receiving side allocates nothing. That none is lost takes
// a CPU for the receiver, and is asserted where it is known whether others use one:
// TestMillionEvents in test/e2e.
func TestLiveStorm(t *testing.T) {
	if !isRoot() {
		t.Skip("the default buffer needs CAP_NET_ADMIN")
	}
	s := openLive(t, Config{})
	var c counter
	c.name = stormName
	receive(t, s, c.take)

	const n = 1_000_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	rename(t, n)
	took := time.Since(start)
	require.Eventually(t, func() bool { return uint64(c.n.Load())+s.Stats().Lost >= n }, time.Minute, 5*time.Millisecond)
	require.LessOrEqual(t, c.n.Load(), int64(n))
	runtime.ReadMemStats(&after)

	if raceDetector {
		return
	}
	allocs := after.Mallocs - before.Mallocs
	require.Less(t, allocs, uint64(n/100), "the test's own waiting allocates; receiving does not")
	t.Logf("%d events in %v, %.2f µs each at the sender, %d lost; %d allocations in the whole process",
		n, took, float64(took.Microseconds())/n, s.Stats().Lost, allocs)
}

// A counter counts the renames to one name.
type counter struct {
	name [CommLen]byte
	n    atomic.Int64
}

func (c *counter) take(b *Batch) {
	var n int64
	for i := range b.Events {
		if b.Events[i].What == EventComm && b.Events[i].Comm == c.name {
			n++
		}
	}
	c.n.Add(n)
}

// What a gather costs, and a stop, on top of IGNORE.
func BenchmarkLiveCheck(b *testing.B) {
	s := openLive(b, Config{StateDirectory: b.TempDir()})
	for b.Loop() {
		if f, err := s.Check(); err != nil || !f.Listening {
			b.Fatal(f, err)
		}
	}
}

func BenchmarkLiveOpenClose(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := Open(Config{StateDirectory: dir, Repair: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
