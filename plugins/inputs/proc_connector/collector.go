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
	// settleInterval is how often undecided exits are looked at between two
	// gathers, and resyncInterval how often the process table is rebuilt while
	// events are being lost.
	settleInterval = 100 * time.Millisecond
	resyncInterval = 2 * time.Second
)

// A collector turns events into counters and exec events. It is the Handler of
// the session: the receiving thread runs it, and it never waits for Telegraf.
type collector struct {
	log     telegraf.Logger
	reader  detailReader
	scanner *procReader // names the processes of a scan
	emitter *emitter
	events  bool // exec_events

	mu         sync.Mutex // guards what follows: the receiving thread holds it for a batch, Gather while it copies
	fs         *procfs.FS
	counters   counters
	table      proctable.Table
	exits      exits
	commands   *commands
	unresolved uint64
	resyncs    uint64

	details  details
	settled  time.Time
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

// snapshot returns consistent numbers, with every process counted that has
// ended by now as far as events have come.
func (c *collector) snapshot() snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits.settle(c.processEnded)
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
	return c.table.Rebuild(c.fs, c.scanner.processName)
}

// close settles what can be settled and lets go of /proc. A Gather that comes
// later still finds the last numbers.
func (c *collector) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits.settle(c.processEnded)
	clear(c.exits.undecided)
	return c.fs.Close()
}

// HandleEvents takes a batch of events in the order of their causes.
func (c *collector) HandleEvents(events []cnproc.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range events {
		c.handle(&events[i])
	}
}

// HandleEmpty does what has to wait for an empty queue. After a loss, the table
// is rebuilt from /proc: with events from before still waiting, a fork among
// them whose exit was lost would bring back a process that has ended.
func (c *collector) HandleEmpty(lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if lost > 0 {
		c.syncDue = true
	}
	if c.syncDue && now.Sub(c.synced) >= resyncInterval {
		c.syncDue, c.synced = false, now
		c.resync()
	}
	if len(c.exits.undecided) > 0 && now.Sub(c.settled) >= settleInterval {
		c.settled = now
		c.exits.settle(c.processEnded)
	}
}

func (c *collector) resync() {
	if err := c.table.Rebuild(c.fs, c.scanner.processName); err != nil {
		c.log.Errorf("Rebuilding the process table after lost events failed, parents may be wrong until it succeeds: %v", err)
		c.syncDue = true
		return
	}
	c.resyncs++
	c.exits.forget(func(pid int32) bool {
		_, ok := c.table.Get(pid)
		return ok
	})
}

func (c *collector) handle(e *cnproc.Event) {
	c.counters.count(e)
	if e.Thread() {
		return // counted, and of no concern to the process
	}
	pid := e.Task.TGID
	switch e.What {
	case cnproc.WhatFork:
		if old, ok := c.exits.fork(pid); ok {
			c.processEnded(&old)
		}
		c.table.Fork(e.Parent.TGID, pid)
	case cnproc.WhatExec:
		c.exits.exec(pid)
		c.exec(e)
	case cnproc.WhatExit:
		if c.exits.ended(e) {
			c.processEnded(e)
		}
	case cnproc.WhatComm:
		if p, ok := c.table.Get(pid); ok && !p.Kernel {
			p.Command = c.scanner.names.of(e.Name())
			c.table.Put(pid, p)
		}
	case cnproc.WhatUID:
		if p, ok := c.table.Get(pid); ok {
			p.UID = e.RealID
			c.table.Put(pid, p)
		}
	default: // counted
	}
}

func (c *collector) processEnded(e *cnproc.Event) {
	c.counters.countExit(e.ExitStatus)
	c.table.Exit(e.Task.TGID)
}

// exec enters a process's new program into the table and makes its event
// metric.
func (c *collector) exec(e *cnproc.Event) {
	pid := e.Task.TGID
	d := &c.details
	c.reader.read(pid, e.Timestamp, d)
	if d.gone {
		c.unresolved++
	}

	p, known := c.table.Get(pid)
	p.Kernel = false
	p.Command = commandUnknown
	if d.named {
		p.Command = d.command
	}
	parent, alive := c.table.Get(p.PPID)
	if d.named && (!known || !alive) {
		// Its fork was lost, or its parent has ended and left it to another.
		p.PPID = d.ppid
		parent, _ = c.table.Get(p.PPID)
	}
	if !known && !d.gone {
		if uid, err := c.fs.RealUID(pid); err == nil {
			p.UID = uid
		}
	}
	c.table.Put(pid, p)

	if !c.events {
		return
	}
	if d.denied && !c.deniedOn {
		c.deniedOn = true
		c.log.Warn("Not permitted to read exe and cwd of other users' processes, these fields stay empty: " +
			"give the program CAP_SYS_PTRACE, or take them out of exec_fields")
	}
	cmd := c.commands.get(p.Command, e.Time)
	c.emitter.offer(d, &execEvent{
		time:          cmd.stamp(e.Time),
		command:       cmd.tag,
		gone:          d.gone,
		pid:           pid,
		ppid:          p.PPID,
		uid:           p.UID,
		parentCommand: parent.Command,
		exe:           d.exe,
		cwd:           d.cwd,
		unit:          d.unit,
		container:     d.container,
	})
}
