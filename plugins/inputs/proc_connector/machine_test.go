//go:build linux

package proc_connector

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

const tick = 10_000_000 // nanoseconds

// A machine is a model of a kernel: processes that come and go at random, a
// directory that shows them as /proc would, and the events that they cause, which
// may come late or not at all.
type machine struct {
	t     *testing.T
	seed  uint64
	rnd   *rand.Rand
	proc  string
	now   uint64 // CLOCK_MONOTONIC
	alive map[int32]*modelled
	shown map[string]string // files of proc
	queue []cnproc.Event
	loss  float64 // how likely an event is lost
	lost  uint64

	caught map[caughtExec]details // what catchers have read, at once

	done   map[string]*processes.Counts // by command
	totals counters
	pids   int32 // ids are below this
}

// A caughtExec names the exec that a catcher has read.
type caughtExec struct {
	pid       int32
	timestamp uint64
}

// catch reads a process as a catcher does, before its program runs.
func (m *machine) catch(p *modelled) {
	m.caught[caughtExec{p.pid, m.now}] = details{
		readAt: m.now, named: true, command: command(p), ppid: p.ppid, uid: p.uid, cmdline: m.cmdline(p),
	}
}

func (*machine) cmdline(p *modelled) []byte { return []byte(p.comm + "\x00argument\x00") }

// A modelledCatcher is the detailReader of a collector that listens to a machine.
type modelledCatcher struct {
	m    *machine
	late detailReader
}

func (r modelledCatcher) read(e *cnproc.Event, d *details) {
	if caught, ok := r.m.caught[caughtExec{e.Task.TGID, e.Timestamp}]; ok {
		*d = caught
		return
	}
	r.late.read(e, d)
}

type modelled struct {
	pid, ppid  int32
	comm       string
	uid        uint32
	start      uint64
	kernel     bool
	leaderGone bool
	status     cnproc.ExitStatus // of the leader that is gone
}

// comms are what processes are called here, some of them on purpose, and shownAs
// is how each is shown.
var (
	shownAs = map[string]string{
		"sh": "sh", "make": "make", "cc": "cc", "ld": "ld", "cron": "cron", "postgres": "postgres", "init": "init",
		"_other": `\x5fother`, "_kernel": `\x5fkernel`, "_unknown": `\x5funknown`, "": "_unknown", "a\nb": `a\nb`, `c\`: `c\x5c`,
		"\xff\xfe": "\uFFFD\uFFFD", "two words": "two words", "a,b=c": "a,b=c", "d\"'": "d\"'", "\x1b[2J": `\x1b[2J`,
	}
	comms = slices.Sorted(maps.Keys(shownAs))
)

func newMachine(t *testing.T, seed uint64) *machine {
	t.Helper()
	m := &machine{
		t:      t,
		seed:   seed,
		rnd:    rand.New(rand.NewPCG(seed, 1)),
		proc:   t.TempDir(),
		now:    1000 * tick,
		alive:  make(map[int32]*modelled),
		shown:  make(map[string]string),
		caught: make(map[caughtExec]details),
		done:   make(map[string]*processes.Counts),
		pids:   30,
	}
	for _, p := range []*modelled{
		{pid: 1, comm: "init", start: tick},
		{pid: 2, comm: "kthreadd", start: tick, kernel: true},
		{pid: 3, ppid: 1, comm: "sh", start: 500 * tick, uid: 1000},
	} {
		m.alive[p.pid] = p
		m.show(p)
	}
	return m
}

// show writes what /proc shows of a process.
func (m *machine) show(p *modelled) {
	dir := filepath.Join(m.proc, strconv.Itoa(int(p.pid)))
	require.NoError(m.t, os.MkdirAll(dir, 0o750))
	state, flags, threads := "S", 0x400000, 2
	if p.kernel {
		flags = 0x200000
	}
	if p.leaderGone {
		state, flags = "Z", flags|4
	}
	stat := fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 %d 0 0 0 0 0 0 0 0 20 0 %d 0 %d 0 0\n",
		p.pid, p.comm, state, p.ppid, flags, threads, p.start/tick)
	name := strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(p.comm)
	status := fmt.Sprintf("Name:\t%s\nState:\t%s (…)\nPPid:\t%d\nTracerPid:\t0\nUid:\t%d\t0\t0\t0\n", name, state, p.ppid, p.uid)
	for name, text := range map[string]string{"stat": stat, "status": status, "cmdline": string(m.cmdline(p))} {
		path := filepath.Join(dir, name)
		if m.shown[path] != text {
			m.shown[path] = text
			require.NoError(m.t, os.WriteFile(path, []byte(text), 0o600))
		}
	}
}

func (m *machine) report(e cnproc.Event) {
	e.Timestamp = m.now
	e.Time = time.Unix(0, int64(m.now))
	if m.rnd.Float64() < m.loss {
		m.lost++
		return
	}
	m.queue = append(m.queue, e)
}

func command(p *modelled) string {
	if p.kernel {
		return processes.Kernel
	}
	return shownAs[p.comm]
}

// of returns what the processes of a process's command have done.
func (m *machine) of(p *modelled) *processes.Counts {
	c := m.done[command(p)]
	if c == nil {
		c = new(processes.Counts)
		m.done[command(p)] = c
	}
	return c
}

// end is the end of a process, by the exit of its first thread or later.
func (m *machine) end(p *modelled, status cnproc.ExitStatus) {
	delete(m.alive, p.pid)
	dir := filepath.Join(m.proc, strconv.Itoa(int(p.pid)))
	for _, name := range []string{"stat", "status", "cmdline"} {
		delete(m.shown, filepath.Join(dir, name))
		require.NoError(m.t, os.Remove(filepath.Join(dir, name)))
	}
	require.NoError(m.t, os.Remove(dir))
	for _, child := range m.alive {
		if child.ppid == p.pid {
			child.ppid = 1
			m.show(child)
		}
	}
	for _, c := range []*processes.Counts{&m.totals.Counts, m.of(p)} {
		c.Exits++
		c.Runtime += float64(m.now-p.start) / 1e9
		// include/uapi/linux/wait.h and wait(2)
		if signal := status & 0x7f; signal != 0 {
			c.ExitsSignaled++
		} else if status>>8&0xff != 0 {
			c.ExitsFailed++
		}
	}
}

// step lets one thing happen.
func (m *machine) step() {
	m.now += 1 + m.rnd.Uint64N(3*tick)
	pids := slices.Sorted(maps.Keys(m.alive))
	p := m.alive[pids[m.rnd.IntN(len(pids))]]
	self := task(p.pid)
	if p.leaderGone {
		if m.rnd.IntN(4) == 0 {
			m.end(p, p.status) // its last thread, of which nothing is reported
		}
		return
	}
	switch what := m.rnd.IntN(20); {
	case what < 7:
		m.fork(p)
	case p.pid <= 2:
	case what < 11 && !p.kernel:
		p.comm = comms[m.rnd.IntN(len(comms))]
		m.show(p)
		m.totals.Execs++
		m.of(p).Execs++
		if what == 10 { // from another thread
			m.report(cnproc.Event{What: cnproc.EventExit, Task: self, Parent: task(p.ppid)})
		}
		if m.rnd.IntN(2) == 0 {
			m.catch(p)
		}
		m.report(cnproc.Event{What: cnproc.EventExec, Task: self})
	case what < 12 && !p.kernel:
		p.comm = comms[m.rnd.IntN(len(comms))]
		m.show(p)
		e := cnproc.Event{What: cnproc.EventComm, Task: self}
		copy(e.Comm[:], p.comm)
		m.report(e)
	case what < 13 && !p.kernel:
		p.uid = m.rnd.Uint32N(3)
		m.show(p)
		m.report(cnproc.Event{What: cnproc.EventUID, Task: self, RealID: p.uid})
	case what < 14 && !p.kernel:
		p.leaderGone, p.status = true, cnproc.ExitStatus(m.rnd.Uint32N(3)<<8)
		m.show(p)
		m.report(cnproc.Event{What: cnproc.EventExit, Task: self, Parent: task(p.ppid), ExitStatus: p.status})
	default:
		status := cnproc.ExitStatus(m.rnd.Uint32N(3) << 8)
		switch m.rnd.IntN(4) {
		case 0:
			status = 9
		case 1:
			status = 0x86
			m.totals.Coredumps++
			m.of(p).Coredumps++
			// In any thread.
			m.report(cnproc.Event{What: cnproc.EventCoredump, Task: cnproc.Task{PID: p.pid + m.rnd.Int32N(2)*5000, TGID: p.pid}})
		}
		m.end(p, status)
		m.report(cnproc.Event{What: cnproc.EventExit, Task: self, Parent: task(p.ppid), ExitStatus: status})
	}
}

func (m *machine) fork(p *modelled) {
	pid := 3 + m.rnd.Int32N(m.pids-3)
	if m.alive[pid] != nil {
		return
	}
	child := *p
	child.pid, child.ppid, child.start = pid, p.pid, m.now
	m.alive[pid] = &child
	m.show(&child)
	m.totals.forks++
	m.report(cnproc.Event{What: cnproc.EventFork, Parent: task(p.pid), Task: task(pid)})
}

// running is how many processes each command has.
func (m *machine) running() map[string]uint64 {
	n := make(map[string]uint64)
	for _, p := range m.alive {
		n[command(p)]++
	}
	return n
}
