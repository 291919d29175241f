//go:build linux

package proc_connector

import (
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

const (
	// resyncInterval is how often the process table is rebuilt while events are
	// being lost.
	resyncInterval = 2 * time.Second

	// findingInterval is after how long a queue that stays empty is taken to
	// have passed what was found: more than lookMargin, and what a timer of
	// poll(2) can do.
	findingInterval = time.Millisecond
)

// A collector turns events into counters and exec events. It is the Handler of
// the session: the receiving thread runs it, and it never waits for Telegraf.
type collector struct {
	log     telegraf.Logger
	reader  detailReader
	scanner *procReader // names the processes of a scan
	emitter *emitter
	limiter *limiter
	events  bool // exec_events
	exited  exitChoice
	tags    series.Tags
	now     func() uint64 // CLOCK_MONOTONIC, nanoseconds

	mu         sync.Mutex // guards what follows: the receiving thread holds it for a batch, Gather while it copies
	fs         *procfs.FS
	counters   counters
	series     *series.Set
	table      *proctable.Table
	exits      exits
	findings   findings
	unresolved uint64
	resyncs    uint64

	details  details
	synced   time.Time
	syncDue  bool
	deniedOn bool // the warning about missing rights was given
}

// A snapshot is what Gather takes from a collector.
type snapshot struct {
	counters   counters
	series     []series.Sample
	unresolved uint64
	resyncs    uint64
	processes  uint64
}

// snapshot returns numbers of one moment.
func (c *collector) snapshot() snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return snapshot{
		counters:   c.counters,
		series:     c.series.Samples(),
		unresolved: c.unresolved,
		resyncs:    c.resyncs,
		processes:  uint64(c.table.Len()),
	}
}

// scan builds the process table. Events queue up meanwhile and are applied
// afterwards, which is why it comes after listening has begun.
func (c *collector) scan() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.rebuild(); err != nil {
		return err
	}
	if c.table.Get(1) == nil {
		c.log.Warn("Proc does not show process 1, so it is probably mounted with hidepid: execs of other users' processes will look as if they " +
			"had ended at once. Mount it without, or with gid= a group that this program is in")
	}
	return nil
}

func (c *collector) rebuild() error {
	leaderless, err := c.table.Rebuild(proctable.Source{FS: c.fs, Now: c.now, Suspended: suspended, Describe: c.scanner.describe})
	// At the end, because a machine with very many processes takes a while.
	c.synced = time.Now()
	for _, pid := range leaderless {
		// Of one that waits already, the table may have known a process of before.
		if e := c.exits.undecided[pid]; e != nil {
			e.process = *c.table.Get(pid)
		} else {
			c.exits.wait(ending{pid: pid, unreported: true, process: *c.table.Get(pid)}, c.synced)
		}
	}
	return err
}

// finish resolves what is left when no more events will come, and lets go of
// /proc. A Gather that comes later still finds the last numbers.
func (c *collector) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits.next = time.Time{}
	c.exits.settle(time.Now(), c.now(), c.foundEnded)
	c.findings.flush()
	return c.fs.Close()
}

// HandleEvents takes a batch of events in the order of their causes.
func (c *collector) HandleEvents(events []cnproc.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range events {
		c.findings.passed(events[i].Timestamp)
		c.handle(&events[i])
	}
}

// HandleEmpty does what has to wait for an empty queue. After a loss, or when
// names were read too late to be certain, the table is rebuilt from /proc: with
// events from before still waiting, a fork among them whose exit was lost would
// bring back a process that has ended.
func (c *collector) HandleEmpty(missed cnproc.Missed, until uint64) (again time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !missed.Any() && !c.syncDue && !c.findings.doubt && len(c.exits.undecided) == 0 && c.findings.len() == 0 {
		return 0
	}

	soonest := func(d time.Duration) {
		if d > 0 && (again == 0 || d < again) {
			again = d
		}
	}
	c.findings.passed(until)
	now := time.Now()
	if missed.Any() || c.findings.doubt {
		c.syncDue, c.findings.doubt = true, false
	}
	if c.syncDue {
		if now.Sub(c.synced) >= resyncInterval {
			c.resync()
			now = time.Now()
		}
		if c.syncDue {
			soonest(resyncInterval - now.Sub(c.synced))
		}
	}
	soonest(c.exits.settle(now, c.now(), c.foundEnded))
	if c.findings.len() > 0 {
		soonest(findingInterval)
	}
	return again
}

func (c *collector) resync() {
	if err := c.rebuild(); err != nil {
		c.log.Errorf("Rebuilding the process table after lost events failed, parents and commands may be wrong until it succeeds: %v", err)
		return
	}
	c.syncDue = false
	c.resyncs++
	c.exits.forget()
	// Alive is who looked dead and was found running after that.
	c.findings.revoke(func(e *ending) bool {
		p := c.table.Get(e.pid)
		return p != nil && p.Serial() == e.process.Serial()
	})
}

func (c *collector) handle(e *cnproc.Event) {
	c.counters.count(e)
	pid := e.Task.TGID
	if e.What == cnproc.WhatCoredump {
		// Whichever thread crashed: it takes the process along.
		c.series.Counts(c.seriesOf(c.entry(e)), e.Timestamp).Coredumps++
	}
	if e.Thread() {
		return // counted, and of no concern to the process
	}
	switch e.What {
	case cnproc.WhatFork:
		c.fork(e)
	case cnproc.WhatExec:
		c.findings.exec(pid, e.Timestamp)
		c.exits.exec(pid)
		c.exec(e)
	case cnproc.WhatExit:
		c.exit(e)
	case cnproc.WhatComm:
		c.findings.renamed(pid, e.Timestamp)
		if p := c.table.Get(pid); p != nil && !p.Kernel && !p.Outdated(e.Timestamp) {
			shown := c.scanner.names.renamed(e.Name(), p.Command)
			p.Guessed = false
			if shown != p.Command { // most take the name that they have
				p.Command = shown
				c.table.Update(p, e.Timestamp)
			}
		}
	case cnproc.WhatUID:
		if p := c.table.Get(pid); p != nil && !p.Outdated(e.Timestamp) {
			p.UID, p.UIDKnown = e.RealID, true
			c.table.Update(p, e.Timestamp)
		}
	default: // counted
	}
}

// entry returns what the table knows of the process that an event is about, or
// nil. A process that began after the event is another one.
func (c *collector) entry(e *cnproc.Event) *proctable.Process {
	if p := c.table.Get(e.Task.TGID); p != nil && p.Start <= e.Timestamp {
		return p
	}
	return nil
}

// seriesOf returns where a process is counted, of which there may be none.
func (c *collector) seriesOf(p *proctable.Process) *series.Series {
	if p == nil {
		p = new(proctable.Process)
	}
	if s := p.Series(); s != nil {
		return s
	}
	return c.series.Get(p.Key())
}

func (c *collector) fork(e *cnproc.Event) {
	pid := e.Task.TGID
	// Whoever had the id before has ended, for certain.
	end, spoiled := c.findings.fork(e.Parent.TGID, pid, e.Timestamp)
	if p := c.table.Get(pid); spoiled && p != nil && !p.Outdated(e.Timestamp) {
		// What /proc showed of that one was this one's already.
		p.Command = series.Unknown
		c.table.KeepArguments(p, nil)
		c.table.Update(p, e.Timestamp)
	}
	if end != nil {
		c.ended(end)
	}
	if end = c.exits.fork(pid); end != nil {
		c.ended(end)
	}
	c.table.Fork(e.Parent.TGID, pid, e.Timestamp)
	c.identify(c.table.Get(pid))
}

// identify asks /proc about a new process whose parent's name at that time is not
// known. What it says may be of a later time, which further events will tell; but of its
// children that is not known either.
func (c *collector) identify(p *proctable.Process) {
	if !p.Guessed && (p.Kernel || p.Command != "" && p.Command != series.Unknown) {
		return
	}
	if c.scanner.identify(p) {
		p.Guessed = true
		c.table.Update(p, p.Start)
	}
}

// resolve takes a finding that nothing has contradicted.
func (c *collector) resolve(f *finding) {
	if !f.execed {
		c.ended(&f.ending)
		return
	}
	s := f.series
	if s == nil {
		s = c.seriesOf(nil)
	}
	c.counters.execs++
	c.series.Counts(s, f.until).Execs++
	if f.gone {
		c.unresolved++
	}
	if ev := f.exec; ev != nil && s.Selected() {
		ev.command, ev.time = c.series.Exec(s, ev.time)
		c.emitter.offer(ev)
	}
}
