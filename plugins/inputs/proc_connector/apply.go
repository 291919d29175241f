//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// A tracker turns events into counters and event metrics. An event is taken when it is
// read (pending.go), and applied once, in the order of the queue, when all that is known
// of it is final (this file). It is for the receiving goroutine alone.
type tracker struct {
	log     telegraf.Logger
	clock   clock
	fs      *procfs.FS
	reader  detailReader
	scanner *procReader
	emitter *emitter
	limiter *limiter
	events  bool
	exited  exitChoice
	tags    processes.Tags

	counters   counters
	unresolved uint64
	series     *processes.Set
	table      *processes.Table
	leaderless map[int32]*ending // processes without a first thread
	looked     uint64            // when lookAgain was there

	pending   pending
	spare     []*execEvent
	until     uint64 // up to when the queue was read
	confirmed bool   // the queue was looked at once more

	resyncs  uint64
	synced   uint64 // when the table was built
	syncDue  bool
	deniedOn bool // it was logged that exe and cwd are denied
}

func newTracker(p *ProcConnector, fs *procfs.FS, e *emitter) *tracker {
	reader := newProcReader(p, fs)
	t := &tracker{
		log:        p.Log,
		clock:      p.host.clock,
		fs:         fs,
		reader:     reader,
		scanner:    reader,
		emitter:    e,
		limiter:    newLimiter(p.EventLimit),
		events:     p.ExecEvents,
		exited:     exitChoice(p.ExitEvents),
		tags:       p.tags(),
		series:     processes.NewSet(p.MaxCommands, time.Duration(p.CommandExpiry), p.tags(), p.selected),
		leaderless: make(map[int32]*ending),
		pending:    newPending(),
	}
	t.table = processes.NewTable(t.series)
	return t
}

// apply counts an event, and reports it where that is asked for.
func (t *tracker) apply(e *cnproc.Event, o *observation) {
	if o.leaderless != nil {
		t.endLeaderless(o.leaderless, o.fate)
		return
	}
	t.counters.count(e)
	if e.What == cnproc.EventCoredump {
		// Whichever thread crashed: it takes the process along.
		t.counters.Coredumps++
		t.series.Counts(t.seriesOf(t.entry(e)), e.Timestamp).Coredumps++
	}
	if e.Thread() {
		return // counted, and of no concern to the process
	}
	switch e.What {
	case cnproc.EventFork:
		t.fork(e)
	case cnproc.EventExec:
		t.exec(e, o.exec)
	case cnproc.EventExit:
		t.exit(e, o.fate)
	case cnproc.EventComm:
		t.renamed(e)
	case cnproc.EventUID:
		if p := t.table.Get(e.Task.TGID); p != nil && !p.Outdated(e.Timestamp) {
			p.UID, p.UIDKnown = e.RealID, true
			t.table.Update(p, e.Timestamp)
		}
	default: // counted
	}
}

func (t *tracker) fork(e *cnproc.Event) {
	pid := e.Task.TGID
	// The previous owner of this pid has certainly exited.
	if end := t.leaderless[pid]; end != nil {
		end.end = max(end.end, end.alive)
		t.endLeaderless(end, ended)
	}
	t.table.Fork(e.Parent.TGID, pid, e.Timestamp)
	t.identify(t.table.Get(pid))
}

// identify asks /proc what a process is called whose parent is not known well enough
// to tell.
func (t *tracker) identify(p *processes.Process) {
	if !p.Guessed && (p.Kernel || p.Command != "" && p.Command != processes.Unknown) {
		return
	}
	if t.scanner.identify(p, t.clock.suspended()) {
		p.Guessed = true
		t.table.Update(p, p.Start)
	}
}

func (t *tracker) exec(e *cnproc.Event, ev *execEvent) {
	delete(t.leaderless, e.Task.TGID)
	p := t.table.Enter(e.Task.TGID)
	t.describe(p, e, &ev.details)
	s := p.Series()
	t.counters.Execs++
	t.series.Counts(s, e.Timestamp).Execs++
	if ev.gone {
		t.unresolved++
	}
	if t.events && s.Selected() && t.limiter.allow(e.Timestamp) {
		ev.complete(p, t.table.Parent(p), e)
		ev.command, ev.time = t.series.Exec(s, ev.time)
		if !t.emitter.fields["cmdline"] {
			ev.cmdline = nil
		}
		t.emitter.offer(ev)
	} else if len(t.spare) < maxSpare {
		t.spare = append(t.spare, ev)
	}
}

// complete takes what the table knows: what was not read may be known of the process.
func (ev *execEvent) complete(p, parent *processes.Process, e *cnproc.Event) {
	ev.time, ev.pid = e.Time, p.PID
	ev.command, ev.ppid, ev.uid, ev.uidKnown = p.Command, p.PPID, p.UID, p.UIDKnown
	if parent != nil {
		ev.parentCommand = parent.Command
	}
}

// describe makes the table show what was read of an exec.
func (t *tracker) describe(p *processes.Process, e *cnproc.Event, d *details) {
	switch {
	case d.named:
		p.Kernel, p.Command, p.Guessed = false, d.command, d.guessed
		p.ReadAt(d.readAt)
		p.UID, p.UIDKnown = d.uid, true
		t.table.Adopt(p, d.ppid)
		if p.Start == 0 {
			t.scanner.began(p, e.Timestamp, t.clock.suspended())
		}
	case !p.Outdated(e.Timestamp):
		p.Kernel, p.Command, p.Guessed = false, processes.Unknown, false
	}
	if d.grouped {
		p.Unit, p.ContainerID = d.unit, d.container
	}
	if t.exited != exitNone {
		t.table.KeepArguments(p, d.cmdline)
	}
	t.table.Update(p, e.Timestamp)
	if d.denied && t.events && !t.deniedOn {
		t.deniedOn = true
		t.log.Warn("Not permitted to read exe and cwd of other users' processes, these fields stay empty: " +
			"give the program CAP_SYS_PTRACE, let AppArmor or SELinux permit it, or take them out of exec_fields")
	}
}

func (t *tracker) renamed(e *cnproc.Event) {
	p := t.table.Get(e.Task.TGID)
	if p == nil || p.Kernel || p.Outdated(e.Timestamp) {
		return
	}
	p.Guessed = false
	if shown := t.scanner.names.Renamed(e.Name(), p.Command); shown != p.Command { // most take the name that they have
		p.Command = shown
		t.table.Update(p, e.Timestamp)
	}
}

// exit takes note that a first thread has left, and of the end of the process if it was
// the last.
func (t *tracker) exit(e *cnproc.Event, f fate) {
	if f == livesOn {
		return
	}
	p := t.entry(e)
	if p == nil {
		p = t.zombie(e)
	}
	end := newEnding(e, p)
	// Of two exits the first was not the end; the exec between them was lost.
	delete(t.leaderless, end.pid)
	if f == ended {
		t.end(&end)
	} else {
		left := end
		t.leaderless[end.pid] = &left
	}
}

// zombie returns what can still be known of a process of which the table has nothing:
// its fork was lost, or it was ending when the table was built.
func (t *tracker) zombie(e *cnproc.Event) *processes.Process {
	var st procfs.Stat
	pid := e.Task.TGID
	if err := t.fs.Stat(pid, &st); err != nil {
		return nil
	}
	start := processes.Start(st.StartTime, t.clock.suspended())
	if start > e.Timestamp || st.KernelThread() {
		return nil
	}
	return &processes.Process{PID: pid, PPID: st.PPID, Start: start, Key: processes.Key{Command: t.scanner.names.Of(st.Comm)}}
}

// endLeaderless ends a process that has lost its first thread, unless an exec has made
// another thread the first.
func (t *tracker) endLeaderless(e *ending, f fate) {
	e.found = false
	if f == ended && t.leaderless[e.pid] == e {
		delete(t.leaderless, e.pid)
		t.end(e)
	}
}

// end counts the end of a process.
func (t *tracker) end(e *ending) {
	p := t.table.Get(e.pid)
	present := p != nil && p.Serial() == e.process.Serial()
	if present {
		e.process = *p // something may be known better by now
	}
	if !e.unreported {
		s := t.seriesOf(&e.process)
		e.count(&t.counters.Counts)
		e.count(t.series.Counts(s, e.end))
		if t.exited.wants(e.status) && s.Selected() && t.limiter.allow(e.at) {
			ev := *e // on the heap only if there is a metric
			ev.command, ev.time = t.series.Exit(s, e.wallTime())
			t.emitter.offer(&ev)
		}
	}
	// At last, because a series may be forgotten with its last process.
	if present {
		t.table.Exit(e.pid, e.end)
	}
}

// entry returns the process of an event, or nil if the table has a later one by its id.
func (t *tracker) entry(e *cnproc.Event) *processes.Process {
	if p := t.table.Get(e.Task.TGID); p != nil && p.Start <= e.Timestamp {
		return p
	}
	return nil
}

func (t *tracker) seriesOf(p *processes.Process) *processes.Series {
	if p == nil {
		p = new(processes.Process)
	}
	if s := p.Series(); s != nil {
		return s
	}
	return t.series.Get(p.SeriesKey())
}

// resyncInterval is how often the process table is rebuilt while events are being lost.
const resyncInterval = 2 * time.Second

// scan builds the process table. Events queue up meanwhile and are applied afterwards,
// which is why it comes after listening has begun.
func (t *tracker) scan() error {
	if err := t.rebuild(); err != nil {
		return err
	}
	if t.table.Get(1) == nil {
		t.log.Warn("Proc does not show process 1, so it is probably mounted with hidepid: execs of other users' processes will look as if they " +
			"had ended at once. Mount it without, or with gid= a group that this program is in")
	}
	return nil
}

func (t *tracker) rebuild() error {
	leaderless, err := t.table.Rebuild(processes.Source{
		FS: t.fs, Now: t.clock.monotonic, Suspended: t.clock.suspended, Describe: t.scanner.describe,
	})
	t.synced = t.clock.monotonic()
	for _, pid := range leaderless {
		if e := t.leaderless[pid]; e != nil {
			e.process = *t.table.Get(pid)
		} else {
			t.leaderless[pid] = &ending{pid: pid, unreported: true, process: *t.table.Get(pid)}
		}
	}
	return err
}

// resync rebuilds the table after events were missed.
func (t *tracker) resync() {
	t.flush()
	if err := t.rebuild(); err != nil {
		t.log.Errorf("Rebuilding the process table after lost events failed, parents and commands may be wrong until it succeeds: %v", err)
		return
	}
	t.syncDue = false
	t.resyncs++
	for pid := range t.leaderless {
		var st procfs.Stat
		if t.fs.Stat(pid, &st) == nil && !st.Exiting() {
			delete(t.leaderless, pid)
		}
	}
}

// finish applies what is left when no more events come.
func (t *tracker) finish() {
	t.lookAgain()
	t.flush()
}

// A snapshot is what Gather takes from a tracker: numbers of one moment.
type snapshot struct {
	counters   counters
	series     []processes.Sample
	unresolved uint64 // execs
	limited    uint64 // event metrics over the limit
	resyncs    uint64
	processes  uint64 // in the table
}

func (t *tracker) snapshot() snapshot {
	return snapshot{
		counters:   t.counters,
		series:     t.series.Samples(),
		unresolved: t.unresolved,
		limited:    t.limiter.dropped,
		resyncs:    t.resyncs,
		processes:  uint64(t.table.Len()),
	}
}
