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
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// A service is everything that lives from Start to Stop: the session with the
// kernel, the goroutine that receives and the goroutine that emits.
type service struct {
	log       telegraf.Logger
	threads   bool
	proc      string
	session   *cnproc.Session
	caught    *catcher.Catchers // nil: there are none
	watch     watch
	collector *collector
	emitter   *emitter

	scanned   chan struct{} // closed when the processes that run already are known
	receiving sync.WaitGroup
	emitting  sync.WaitGroup
	failure   atomic.Pointer[error] // why receiving ended before it was told to
	stopOnce  sync.Once

	mu          sync.Mutex // guards limitReport
	limitReport limitReport
}

// allTypes are all the events there are: each feeds a counter.
var allTypes = []cnproc.What{
	cnproc.WhatFork, cnproc.WhatExec, cnproc.WhatUID, cnproc.WhatGID, cnproc.WhatSID,
	cnproc.WhatPtrace, cnproc.WhatComm, cnproc.WhatCoredump, cnproc.WhatExit,
}

func startService(p *ProcConnector, acc telegraf.Accumulator) (*service, error) {
	fs, err := procfs.Open(p.proc)
	if err != nil {
		return nil, fmt.Errorf("reading processes needs proc to be mounted on %s: %w", p.proc, err)
	}
	// An empty folder can be opened too, and would look like a machine on which
	// every process ends at once.
	if _, err := os.Stat(filepath.Join(p.proc, "self", "stat")); err != nil {
		return nil, errors.Join(fmt.Errorf("reading processes needs proc to be mounted on %s: %w", p.proc, err), fs.Close())
	}
	emitter, err := p.emitter(acc)
	if err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	// Catchers come first, so that they hear the first exec. Where they cannot be,
	// the connector cannot be either as a rule, and the session says why.
	caught, catchErr := p.catch()
	if errors.Is(catchErr, catcher.ErrNotPermitted) {
		return nil, errors.Join(catchErr, fs.Close())
	}
	cfg := p.Connector()
	if caught != nil {
		cfg.Coalesce = coalesce
	}
	session, err := cnproc.Open(cfg)
	if err != nil {
		return nil, errors.Join(err, caught.Close(), fs.Close())
	}

	s := &service{
		log:     p.Log,
		threads: p.Threads,
		proc:    p.proc,
		session: session,
		caught:  caught,
		scanned: make(chan struct{}),
	}
	s.watch.log, s.watch.repair, s.watch.session, s.watch.guard = p.Log, p.Repair, session, s.guard
	// From here on the kernel counts a listener, and whatever unwinds this
	// goroutine gives it back.
	s.guard(func() {
		s.emitter = emitter
		s.collector = newCollector(p, fs, s.emitter)
		if caught != nil {
			s.collector.reader = newCaughtReader(caught, s.collector.scanner)
		}
		s.report(p.ReceiveBuffer, catchErr)
		s.watch.opening(session.Opening())
		if !session.Listening() {
			s.watch.goOn()
		}
	})

	s.emitting.Go(func() { s.guard(s.emitter.run) })
	s.receiving.Go(func() { s.guard(s.receive) })
	if caught != nil {
		go s.guard(s.watchCatchers)
	}
	// After the rest, since a catcher that cannot run takes a moment to be found.
	s.guard(s.checkCatchers)
	return s, nil
}

func newCollector(p *ProcConnector, fs *procfs.FS, e *emitter) *collector {
	tags := p.tags()
	exited := exitChoice(p.ExitEvents)
	reader := &procReader{
		fs:      fs,
		names:   make(names),
		buf:     make([]byte, max(int(p.MaxCmdline)+2, nameLength)),
		length:  int(p.MaxCmdline) + 2, // just enough to see that a line is longer
		want:    p.wanted(),
		denials: denials{log: p.Log},
	}
	var selected func(command string) bool
	if p.selected != nil {
		selected = p.selected.Match
	}
	c := &collector{
		log:     p.Log,
		reader:  reader,
		scanner: reader,
		emitter: e,
		limiter: newLimiter(p.EventLimit),
		events:  p.ExecEvents,
		exited:  exited,
		tags:    tags,
		fs:      fs,
		now:     cnproc.Monotonic,
		series:  series.NewSet(p.MaxCommands, time.Duration(p.CommandExpiry), tags, selected),
		exits:   exits{fs: fs, undecided: make(map[int32]*ending)},
	}
	c.table = proctable.New(c.series)
	c.findings = newFindings(c.resolve)
	return c
}

// report says at start what was got. Without catchers it is told why.
func (s *service) report(asked config.Size, catchErr error) {
	got := s.session.ReceiveBuffer()
	if got < int(asked) {
		s.log.Warnf("The receive buffer has %d KiB instead of %d KiB, so bursts of events may overrun it: "+
			"give the program CAP_NET_ADMIN, or raise net.core.rmem_max to %d", got>>10, int(asked)>>10, int(asked))
	}
	reads := "the thread that receives events"
	if catchErr != nil {
		s.log.Warnf("What is executed is read by the thread that receives events, too late for many a short-lived program: %v", catchErr)
	} else {
		r := s.caught.Report()
		if r.Refused != nil {
			s.log.Warnf("What is executed is read by %v: some short-lived programs may end before", r)
		}
		r.Refused = nil // it has been said
		reads = r.String()
	}
	line := startup{kernel: kernelRelease(), rights: rights(), reads: reads, buffer: got, threads: s.threads}
	s.log.Info(line.line())
}

// guard runs f and, if f does not return, gives the kernel's listener count back
// before the panic goes on.
func (s *service) guard(f func()) {
	returned := false
	defer func() {
		if !returned {
			_ = s.session.Ignore() //nolint:errcheck // the panic is the news, and it is on its way
			s.caught.Release()
		}
	}()
	f()
	returned = true
}

// receive scans /proc and then follows events until the session is closed.
func (s *service) receive() {
	err := s.collector.scan()
	close(s.scanned)
	if err != nil {
		s.log.Warnf("Reading the processes that are running already failed, their children will have no parent_command: %v", err)
	}
	if err := s.session.Receive(s.collector); err != nil && !errors.Is(err, cnproc.ErrClosed) {
		s.failure.Store(&err)
		s.log.Errorf("Receiving events ended: %v", err)
		s.ignore()
	}
}

// watchCatchers has the receiver do the work of catchers that end before their time.
func (s *service) watchCatchers() {
	for err := range s.caught.Failures() {
		// What it reads itself it must read at once.
		s.session.SetCoalesce(0)
		s.log.Errorf("A catcher has ended. The thread that receives events now reads what is executed there, too late for some short-lived programs, "+
			"until the plugin is started again: %v", err)
	}
}

// checkCatchers looks whether catchers can run.
func (s *service) checkCatchers() {
	occupied, free := s.caught.Check()
	if len(occupied) > 0 {
		s.tellOccupied(occupied, realtimeProgram(s.proc, occupied))
	}
	if len(free) > 0 {
		s.log.Infof("A catcher runs on %s again", catcher.CPUList(free))
	}
}

// tellOccupied says on which CPUs no catcher can run, and because of which program
// if that is known.
func (s *service) tellOccupied(cpus []int, program string) {
	reason := "a program of higher real-time priority does not seem to give way"
	if program != "" {
		reason = program + ", which has a higher real-time priority, does not give way"
	}
	s.log.Warnf("No catcher can run on %s: %s. What is executed there is read from another CPU, too late for some short-lived programs",
		catcher.CPUList(cpus), reason)
}

// ignore sends the IGNORE that is owed, and sees to it that no catcher keeps the
// process from ending. It waits up to 0.5 s for other sessions that work on the
// kernel's count, and after IGNORE a moment for catchers that cannot run.
func (s *service) ignore() {
	if err := s.session.Ignore(); err != nil {
		s.log.Errorf("Ending to listen failed: %v", err)
	}
	if occupied := s.caught.Release(); len(occupied) > 0 {
		s.tellOccupied(occupied, "") // to look for it takes its time
	}
}

// stop sends IGNORE, then lets what was received reach Telegraf, and returns
// when both goroutines have ended. Further callers wait for the first.
func (s *service) stop() {
	// Outside the Once, so that IGNORE does not wait for a stop that is under way.
	s.ignore()
	s.stopOnce.Do(func() {
		err := s.session.Close()
		s.watch.closing(s.session.Closing())
		s.receiving.Wait()
		err = errors.Join(err, s.collector.finish(), s.caught.Close())
		s.emitter.close()
		s.emitting.Wait()
		if err != nil {
			s.log.Errorf("Stopping failed: %v", err)
			return
		}
		s.log.Debug("Stopped listening to the process connector")
	})
}

// gather adds the measurements proc_connector, proc_connector_command and
// proc_connector_listener.
func (s *service) gather(acc telegraf.Accumulator) error {
	var err error
	s.guard(func() {
		// First of all, so that what it finds is in the metrics of this gather.
		err = s.watch.check()

		// Right after the start, as with "telegraf --once", there is nothing to tell
		// before that.
		<-s.scanned
		snap, stats := s.collector.snapshot(), s.session.Stats()
		var listening uint64
		if s.session.Listening() {
			listening = 1
		}
		now := time.Now()
		acc.AddMetric(snap.counters.metric(s.threads, now))
		addCommands(acc, snap.series, s.collector.tags, &s.emitter.users, now)

		m := metric.New("proc_connector_listener", nil, nil, now)
		m.AddField("listening", listening)
		m.AddField("events", stats.Events)
		m.AddField("lost", stats.Lost)
		m.AddField("listens", stats.Listens)
		m.AddField("ignores", stats.Ignores)
		m.AddField("deaf", stats.Deaf)
		m.AddField("deaf_depth", stats.DeafDepth)
		m.AddField("repairs", stats.Repairs)
		m.AddField("released", stats.Released)
		m.AddField("unresolved", snap.unresolved)
		m.AddField("events_dropped", s.emitter.dropped.Load()+s.limited(now))
		m.AddField("resyncs", snap.resyncs)
		m.AddField("spoofed", stats.Spoofed)
		m.AddField("malformed", stats.Malformed)
		m.AddField("redacted", s.emitter.redacted.Load())
		m.AddField("processes", snap.processes)
		m.AddField("lag_seconds", s.session.TakeLag().Seconds())
		acc.AddMetric(m)

		s.checkCatchers()
		if failure := s.failure.Load(); failure != nil {
			err = *failure
		}
	})
	return err
}

// limited returns how many event metrics the limit has cost so far, and tells of
// it: here and not where it happens, because writing a log may take its time.
func (s *service) limited(now time.Time) uint64 {
	dropped := s.collector.limiter.dropped.Load()
	s.mu.Lock()
	n := s.limitReport.due(dropped, now)
	s.mu.Unlock()
	if n > 0 {
		s.log.Warnf("Left out %d event metrics beyond the event_limit since it was last told; counters are not concerned", n)
	}
	return dropped
}
