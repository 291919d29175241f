//go:build linux

package proc_connector

import (
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
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
	events  bool          // exec_events
	now     func() uint64 // CLOCK_MONOTONIC, nanoseconds

	mu         sync.Mutex // guards what follows: the receiving thread holds it for a batch, Gather while it copies
	fs         *procfs.FS
	counters   counters
	table      proctable.Table
	exits      exits
	findings   findings
	commands   *commands
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
	c.synced = time.Now()
	if err := c.table.Rebuild(c.fs, c.scanner.processName); err != nil {
		return err
	}
	if _, ok := c.table.Get(1); !ok {
		c.log.Warn("Proc does not show process 1, so it is probably mounted with hidepid: execs of other users' processes will look as if they " +
			"had ended at once. Mount it without, or with gid= a group that this program is in")
	}
	return nil
}

// finish resolves what is left when no more events will come, and lets go of
// /proc. A Gather that comes later still finds the last numbers.
func (c *collector) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits.next = time.Time{}
	c.exits.settle(time.Now(), c.foundEnded)
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

// HandleEmpty does what has to wait for an empty queue. After a loss, the table
// is rebuilt from /proc: with events from before still waiting, a fork among
// them whose exit was lost would bring back a process that has ended.
func (c *collector) HandleEmpty(missed cnproc.Missed) (again time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !missed.Any() && !c.syncDue && len(c.exits.undecided) == 0 && c.findings.len() == 0 {
		return 0
	}

	soonest := func(d time.Duration) {
		if d > 0 && (again == 0 || d < again) {
			again = d
		}
	}
	c.findings.passed(c.now())
	now := time.Now()
	if missed.Any() {
		c.syncDue = true
	}
	if c.syncDue {
		if now.Sub(c.synced) >= resyncInterval {
			c.synced = now
			c.resync()
		}
		if c.syncDue {
			soonest(resyncInterval - now.Sub(c.synced))
		}
	}
	soonest(c.exits.settle(now, c.foundEnded))
	if c.findings.len() > 0 {
		soonest(findingInterval)
	}
	return again
}

func (c *collector) resync() {
	if err := c.table.Rebuild(c.fs, c.scanner.processName); err != nil {
		c.log.Errorf("Rebuilding the process table after lost events failed, parents may be wrong until it succeeds: %v", err)
		return
	}
	c.syncDue = false
	c.resyncs++
	c.exits.forget()
}

func (c *collector) handle(e *cnproc.Event) {
	c.counters.count(e)
	if e.Thread() {
		return // counted, and of no concern to the process
	}
	pid := e.Task.TGID
	switch e.What {
	case cnproc.WhatFork:
		if status, ok := c.findings.fork(pid, e.Timestamp); ok {
			c.processEnded(pid, status)
		}
		if status, ok := c.exits.fork(pid); ok {
			c.processEnded(pid, status)
		}
		c.table.Fork(e.Parent.TGID, pid)
	case cnproc.WhatExec:
		c.findings.exec(pid, e.Timestamp)
		c.exits.exec(pid)
		c.exec(e)
	case cnproc.WhatExit:
		if c.exits.dead(pid) {
			// Of two exits the first was not the end; the exec between them
			// was lost.
			c.exits.exec(pid)
			c.foundEnded(pid, e.ExitStatus)
		} else {
			c.exits.wait(pid, e.ExitStatus, time.Now())
		}
	case cnproc.WhatComm:
		if p, ok := c.table.Get(pid); ok && !p.Kernel {
			p.Command = c.scanner.names.of(e.Name())
			c.table.Put(pid, p)
		}
	case cnproc.WhatUID:
		if p, ok := c.table.Get(pid); ok {
			p.UID, p.UIDKnown = e.RealID, true
			c.table.Put(pid, p)
		}
	default: // counted
	}
}

// foundEnded holds the end of a process that /proc shows.
func (c *collector) foundEnded(pid int32, status cnproc.ExitStatus) {
	c.findings.addExit(pid, c.now(), status)
}

// processEnded counts the end of a process when it is certain.
func (c *collector) processEnded(pid int32, status cnproc.ExitStatus) {
	c.counters.countExit(status)
	c.table.Exit(pid)
}

// resolve takes a finding that nothing has contradicted.
func (c *collector) resolve(f finding) {
	if f.exec == nil {
		c.processEnded(f.pid, f.status)
		return
	}
	ev := f.exec
	if ev.gone {
		c.unresolved++
	}
	cmd := c.commands.get(ev.command, ev.time)
	ev.command, ev.time = cmd.tag, cmd.stamp(ev.time)
	c.emitter.offer(ev)
}

// exec enters a process's new program into the table and prepares its event
// metric.
func (c *collector) exec(e *cnproc.Event) {
	pid := e.Task.TGID
	d := &c.details
	c.reader.read(pid, e.Timestamp, d)

	p, _ := c.table.Get(pid)
	p.Kernel = false
	p.Command = commandUnknown
	if d.named {
		p.Command = d.command
		c.table.Adopt(&p, d.ppid)
	}
	if !p.UIDKnown && !d.gone {
		if uid, err := c.fs.RealUID(pid); err == nil {
			p.UID, p.UIDKnown = uid, true
		}
	}
	c.table.Put(pid, p)

	if !c.events {
		if d.gone {
			c.unresolved++
		}
		return
	}
	if d.denied && !c.deniedOn {
		c.deniedOn = true
		c.log.Warn("Not permitted to read exe and cwd of other users' processes, these fields stay empty: " +
			"give the program CAP_SYS_PTRACE, or take them out of exec_fields")
	}
	ev := &execEvent{
		time:      e.Time,
		command:   p.Command,
		gone:      d.gone,
		pid:       pid,
		ppid:      p.PPID,
		uid:       p.UID,
		uidKnown:  p.UIDKnown,
		cmdline:   c.emitter.render(d.cmdline),
		exe:       d.exe,
		cwd:       d.cwd,
		unit:      d.unit,
		container: d.container,
	}
	if parent, ok := c.table.Parent(&p); ok {
		ev.parentCommand = parent.Command
	}
	c.findings.addExec(pid, c.now(), ev)
}
