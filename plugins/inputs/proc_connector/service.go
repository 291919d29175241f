//go:build linux

package proc_connector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// A service is everything that lives from Start to Stop: the session with the kernel,
// the goroutine that receives and the goroutine that emits.
type service struct {
	log      telegraf.Logger
	acc      telegraf.Accumulator
	host     *host
	threads  bool
	session  session
	catchers catchers
	watch    watch
	emitter  *emitter
	tracker  *tracker

	requests  chan request
	received  chan struct{} // closed when receiving has ended
	emitting  sync.WaitGroup
	last      snapshot              // valid once received is closed
	failure   atomic.Pointer[error] // why receiving ended before it was told to
	stopOnce  sync.Once
	gathering gathering
}

// window is how long events may queue up once one has come: longer saves no more of the
// time that a storm costs ("make bench"). What must be read at once, catchers read.
const window = 250 * time.Millisecond

func startService(p *ProcConnector, acc telegraf.Accumulator) (_ *service, err error) {
	s := &service{
		log: p.Log, acc: acc, host: p.host, threads: p.Threads,
		requests: make(chan request, 1), received: make(chan struct{}),
	}
	if s.emitter, err = p.emitter(acc); err != nil {
		return nil, err
	}
	fs, err := openProc(p.host.proc)
	if err != nil {
		return nil, err
	}
	// Catchers come first, so that they hear the first exec. Where they cannot be, the
	// connector cannot be either as a rule, and the session says why.
	var catchErr error
	s.catchers, catchErr = p.catch()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.catchers.Close(), fs.Close())
		}
	}()
	if errors.Is(catchErr, catcher.ErrNotPermitted) {
		return nil, catchErr
	}
	cfg := p.Connector()
	// Catchers without real time may come too late. The receiver may come in time in their
	// place, unless it sleeps.
	if catchErr == nil && s.catchers.Report().Scheduling == catcher.Realtime {
		cfg.Window = window
	}
	if s.session, err = p.host.listen(cfg); err != nil {
		return nil, err
	}
	s.watch = watch{log: p.Log, repair: p.Repair, session: s.session, guard: s.guard}
	// From here on the kernel counts a listener, and whatever unwinds this goroutine
	// gives it back.
	s.guard(func() {
		s.tracker = newTracker(p, fs, s.emitter)
		if catchErr == nil {
			s.tracker.reader = newCaughtReader(s.catchers, s.tracker.scanner)
		}
		s.report(p.ReceiveBuffer, catchErr)
		s.watch.opening(s.session.Opening())
		if !s.session.Listening() {
			s.watch.goOn()
		}
	})
	s.emitting.Go(func() { s.guard(s.emitter.run) })
	go s.guard(s.receive)
	if catchErr == nil {
		go s.guard(s.watchCatchers)
	}
	// After the rest, since a catcher that cannot run takes a moment to be found.
	s.guard(s.checkCatchers)
	return s, nil
}

// openProc opens the proc mount. An empty directory can be opened too, and would look
// like a machine on which every process ends at once.
func openProc(proc string) (*procfs.FS, error) {
	fs, err := procfs.Open(proc)
	if err == nil {
		if _, err = os.Stat(filepath.Join(proc, "self", "stat")); err != nil {
			err = errors.Join(err, fs.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading processes needs proc to be mounted on %s: %w", proc, err)
	}
	return fs, nil
}

// guard runs f and, if f does not return, gives the kernel's listener count back before
// the panic goes on.
func (s *service) guard(f func()) {
	Guard(f, func() {
		_ = s.session.Ignore() //nolint:errcheck // the panic is the news, and it is on its way
		s.catchers.Release()
	})
}

// Guard runs f and, if f does not return, undo before the panic goes on.
func Guard(f, undo func()) {
	returned := false
	defer func() {
		if !returned {
			undo()
		}
	}()
	f()
	returned = true
}

// watchCatchers has the receiver do the work of catchers that end before their time.
func (s *service) watchCatchers() {
	for err := range s.catchers.Failures() {
		// What it reads itself it must read at once.
		s.session.SetWindow(0)
		_ = s.session.Wake() //nolint:errcheck // a session that fails says so itself
		s.acc.AddError(fmt.Errorf("a catcher has ended. The thread that receives events now reads what is executed there, too late for some "+
			"short-lived programs, until the plugin is started again: %w", err))
	}
}

// ignore sends the IGNORE that is owed, and sees to it that no catcher keeps the process
// from ending. It waits up to 0.7 s for other sessions that work on the kernel's count,
// and after IGNORE a moment for catchers that cannot run.
func (s *service) ignore() {
	if err := s.session.Ignore(); err != nil {
		s.log.Errorf("Failed to stop listening, so the kernel's listener count stays one too high until the next start, "+
			"which costs time but blinds nobody: %v", err)
	}
	if occupied := s.catchers.Release(); len(occupied) > 0 {
		s.reportOccupied(occupied, "") // to look for the program takes its time
	}
}

// stop sends IGNORE, then lets what was received reach Telegraf, and returns when no
// goroutine receives or emits any more. Further callers wait for the first.
func (s *service) stop() {
	// Outside the Once, so that IGNORE does not wait for a stop that is under way.
	s.ignore()
	s.stopOnce.Do(func() {
		// What was queued by then is received first.
		var err error
		select {
		case <-s.received:
		case <-time.After(s.host.patience):
			err = errStuck
		}
		err = errors.Join(err, s.session.Close())
		s.watch.closing(s.session.Closing())
		if !errors.Is(err, errStuck) {
			err = errors.Join(err, s.tracker.fs.Close(), s.catchers.Close())
			s.emitter.close()
			s.emitting.Wait()
		}
		if err != nil {
			s.log.Errorf("Stopping failed: %v", err)
			return
		}
		s.log.Debug("Stopped listening to the process connector")
	})
}

// ErrNotReceiving is wrapped by the error of Gather once the plugin receives nothing any
// more, because its socket has failed.
var ErrNotReceiving = errors.New("events are not received any more")

// errStuck means that the receiver reads a file of /proc and does not come back: the
// memory of a process can be made to keep its readers waiting.
var errStuck = errors.New("reading /proc does not return, because a process keeps its readers waiting")

// gathering is what Gather keeps from one call to the next. Telegraf calls it from one
// goroutine.
type gathering struct {
	latest  snapshot
	pending chan snapshot // the receiver has not replied yet
	limits  limitReport
}

// gather adds the measurements proc_connector, proc_connector_command and
// proc_connector_listener.
func (s *service) gather(acc telegraf.Accumulator) error {
	var err error
	s.guard(func() {
		// First of all, so that what it finds is in the metrics of this gather.
		err = s.watch.check()
		if stuck := s.ask(); stuck != nil {
			err = stuck
		}
		now := time.Now()
		snap := &s.gathering.latest
		acc.AddMetric(snap.counters.metric(s.threads, now))
		addCommands(acc, snap.series, s.tracker.tags, s.emitter.users, now)
		acc.AddMetric(s.listenerMetric(snap, now))
		if n := s.gathering.limits.due(snap.limited, now); n > 0 {
			s.log.Warnf("Dropped %d event metrics over event_limit since the last message; counters are unaffected", n)
		}
		s.checkCatchers()
		if failure := s.failure.Load(); failure != nil {
			err = fmt.Errorf("%w: %w", ErrNotReceiving, *failure)
		}
	})
	return err
}

// ask gets a snapshot from the receiver. The error is errStuck.
func (s *service) ask() error {
	g := &s.gathering
	if g.pending == nil {
		g.pending = make(chan snapshot, 1)
		s.requests <- request{at: s.host.clock.monotonic(), reply: g.pending}
		_ = s.session.Wake() //nolint:errcheck // a session that is closed replies through received
	}
	select {
	case g.latest = <-g.pending:
		g.pending = nil
	case <-s.received:
		g.latest = s.last
	case <-time.After(s.host.patience):
		return errStuck
	}
	return nil
}
