package catcher

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/detached"
)

// tapBuffer is the receive buffer of a tap in bytes: more execs than a CPU makes in a second.
const tapBuffer = 4 << 20

// Wanted and Record are what is to be read of a process, and what was.
type (
	Wanted = detached.Wanted
	Record = detached.Record
)

// A Config says what catchers read and how.
type Config struct {
	Proc       string // where proc is mounted
	Sys        string // where sysfs is mounted
	Scheduling Scheduling
	Wanted     Wanted
}

// Catchers are the threads, and what they have read. Take is for one goroutine; the
// other methods may be called from any, and on nil, but for Report and Failures.
type Catchers struct {
	workers  []*worker
	proc     *os.File
	allowed  unix.CPUSet // where this process may run
	report   Report
	failures chan error
	closing  chan struct{} // closed by Close: threads that have failed end now
	done     sync.WaitGroup

	mu       sync.Mutex // guards where workers run
	released bool       // no worker is pinned any more

	closeOnce sync.Once
	closeErr  error
}

// A worker is one catcher thread with its tap and ring.
type worker struct {
	group group
	tap   io.Closer
	loop  *detached.Loop
	tid   int

	pinned bool // to the CPUs of its group
	away   bool // it is pinned no longer, because it could not run there
	failed atomic.Bool
}

// Open starts to read. Nothing is heard until a session listens. Errors are ErrNotPermitted
// (errors.Is) when the scheduling, other than Auto, is not permitted; those of cnproc.OpenTap;
// and those of a system that has no memory, threads or descriptors left.
func Open(cfg Config) (_ *Catchers, err error) {
	m, err := readMachine(cfg.Sys)
	if err != nil {
		return nil, err
	}
	proc, err := os.OpenFile(cfg.Proc, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	groups := m.groups(cfg.Scheduling, maxCatchers)
	c := &Catchers{
		proc: proc, allowed: m.allowedSet(), report: Report{Threads: len(groups), Isolated: m.leftOut(cfg.Scheduling)},
		failures: make(chan error, len(groups)), closing: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	for i, g := range groups {
		w, err := c.open(g, cfg.Wanted)
		if err != nil {
			return nil, fmt.Errorf("catcher %d: %w", i, err)
		}
		c.start(w, fmt.Sprintf("catch/%d", i))
		c.workers = append(c.workers, w)
	}
	// A thread that is pinned to an occupied CPU stands still, wherever it is. So none is
	// pinned before it has left the Go runtime, and its locks.
	ask(c.workers, forever)
	for _, w := range c.workers {
		c.place(w, cfg.Scheduling)
	}
	if cfg.Scheduling != Auto && c.report.Refused != nil {
		return nil, c.report.Refused
	}
	return c, nil
}

func (c *Catchers) open(g group, want Wanted) (*worker, error) {
	tap, err := cnproc.OpenTap(g.cpus, tapBuffer)
	if err != nil {
		return nil, err
	}
	loop, err := detached.New(tap.FD(), int(c.proc.Fd()), c.allowed, want)
	if err != nil {
		return nil, errors.Join(err, tap.Close())
	}
	return &worker{group: g, tap: tap, loop: loop}, nil
}

// start gives a worker its thread. That ends with the goroutine, since nothing unlocks
// it: whatever it has made of itself is gone then.
func (c *Catchers) start(w *worker, name string) {
	started := make(chan struct{})
	c.done.Go(func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread stands for the process. As long as this goroutine
			// keeps it, another goroutine has another.
			c.start(w, name)
			runtime.UnlockOSThread()
			close(started)
			return
		}
		enter(name)
		w.tid = unix.Gettid()
		close(started)
		if err := w.loop.Run(); err != nil {
			w.failed.Store(true)
			c.failures <- fmt.Errorf("%s: %w", CPUList(w.group.pin), err)
			// The thread's id stays its own for as long as somebody may use it.
			<-c.closing
		}
	})
	<-started
}

// Close ends the threads and gives everything back, once.
func (c *Catchers) Close() error {
	if c == nil {
		return nil
	}
	c.closeOnce.Do(func() { c.closeErr = c.end() })
	return c.closeErr
}

// endPatience bounds how long Close waits for threads. Once released they end in a
// moment, even where programs of higher priority leave ordinary ones a twentieth
// of the time (sched(7), sched_rt_runtime_us).
const endPatience = 2 * time.Second

func (c *Catchers) end() error {
	c.Release()
	close(c.closing)
	for _, w := range c.workers {
		w.loop.Stop()
	}
	if len(ask(c.workers, endPatience)) > 0 {
		return fmt.Errorf("catchers have not ended within %v, what they use stays open", endPatience)
	}
	c.done.Wait()
	close(c.failures)
	err := c.proc.Close()
	for _, w := range c.workers {
		err = errors.Join(err, w.tap.Close(), w.loop.Close())
	}
	return err
}

// Take fills r with what a catcher has read about an exec: of the process with that id,
// reported with that timestamp on that CPU. It returns false when no catcher has come to
// it, in time or at all. Each can be taken once. What r holds is valid until the next call.
func (c *Catchers) Take(cpu uint32, pid int32, timestamp uint64, r *Record) bool {
	for _, w := range c.workers {
		if cpu >= w.group.cpus.First && cpu <= w.group.cpus.Last {
			return w.loop.Take(pid, timestamp, r)
		}
	}
	return false
}

// ReadLinks says whether exe and cwd are to be read, which they are from the start. It
// holds for the next exec.
func (c *Catchers) ReadLinks(read bool) {
	if c == nil {
		return
	}
	for _, w := range c.workers {
		w.loop.ReadLinks(read)
	}
}

// Report says what was got. It does not change.
func (c *Catchers) Report() Report { return c.report }

// Failures yields why a catcher has ended before Close, each when it happens: what
// it would have read is left to others. Close closes the channel.
func (c *Catchers) Failures() <-chan error { return c.failures }
