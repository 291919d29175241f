//go:build linux

package proc_connector

import (
	"errors"
	"io/fs"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// details are what /proc says about an exec.
type details struct {
	// gone means that the process had ended before it could be read. What follows may
	// still be there in part: a zombie keeps its name and parent.
	gone      bool
	readAt    uint64 // when it was read, in nanoseconds of CLOCK_MONOTONIC; 0 is just now
	cmdline   []byte // NUL-separated, cut at the reader's length; valid until the next read
	named     bool   // command, ppid and uid are known
	command   string
	guessed   bool // command may be a later name of the process
	ppid      int32
	uid       uint32
	exe, cwd  string
	grouped   bool // unit and container are known
	unit      string
	container string
	// denied means that exe or cwd was asked for and not permitted.
	denied bool
}

// A detailReader supplies the details of an exec.
type detailReader interface {
	read(e *cnproc.Event, d *details)
}

// wanted says which details are worth a system call.
type wanted struct {
	cmdline, exe, cwd, cgroup bool
	// kept means that the arguments are wanted when a process ends, too.
	kept bool
}

// A caughtReader hands over what catchers have read before the program ran. What they did
// not come to in time it reads itself.
type caughtReader struct {
	catchers catchers
	late     *procReader
	record   catcher.Record
	paths    memo.Memo[string]
	groups   memo.Memo[procfs.Cgroup]
}

func newCaughtReader(c catchers, late *procReader) *caughtReader {
	late.denials.tell = c.ReadLinks
	return &caughtReader{catchers: c, late: late}
}

func (r *caughtReader) read(e *cnproc.Event, d *details) {
	rec, want := &r.record, &r.late.want
	r.late.denials.at(e.Timestamp)
	if !r.catchers.Take(e.CPU, e.Task.TGID, e.Timestamp, rec) {
		r.late.read(e, d)
		return
	}
	*d = details{readAt: rec.ReadAt, denied: rec.Denied, gone: want.cmdline && len(rec.Cmdline) == 0}
	d.cmdline = rec.Cmdline[:min(len(rec.Cmdline), r.late.length)]
	if rec.Denied || len(rec.Exe)+len(rec.Cwd) > 0 {
		r.late.denials.asked(rec.Denied)
	}
	var st procfs.Status
	if procfs.ParseStatus(rec.Status, &st) != nil {
		d.gone = true
		return
	}
	d.status(&st, want)
	exe := r.paths.Get(rec.Exe, procfs.ParseLink)
	if want.exe {
		d.exe = exe
	}
	if want.cwd {
		d.cwd = r.paths.Get(rec.Cwd, procfs.ParseLink)
	}
	if want.cgroup && len(rec.Cgroup) > 0 {
		cg := r.groups.Get(rec.Cgroup, procfs.ParseCgroup)
		d.grouped, d.unit, d.container = true, cg.Unit, cg.ContainerID
	}
	if processes.Vague(st.Name, true) {
		d.command = processes.WholeName(st.Name, rec.Cmdline, exe, true)
	} else {
		d.command = r.late.names.Of(st.Name)
	}
}

// status takes what status says.
func (d *details) status(st *procfs.Status, want *wanted) {
	d.named, d.ppid, d.uid = true, st.PPID, st.UID
	if !want.cmdline {
		d.gone = st.Exiting()
	}
}

// maxKernelName is more than any name in /proc has: those of kernel workers have up to 63
// bytes (proc_task_name in fs/proc/array.c).
const maxKernelName = 64

// nameLength is how many bytes of the arguments are read at least, since the name of the
// program may have to be completed from them: a path has PATH_MAX
// (include/uapi/linux/limits.h) at the most.
const nameLength = 4096

// A procReader reads /proc at the moment it is asked.
type procReader struct {
	fs      *procfs.FS
	want    wanted
	buf     []byte // for arguments
	length  int    // how many bytes of them are passed on
	names   processes.Names
	denials denials
}

func newProcReader(p *ProcConnector, proc *procfs.FS) *procReader {
	return &procReader{
		fs:      proc,
		buf:     make([]byte, max(int(p.MaxCmdline)+2, nameLength)),
		length:  int(p.MaxCmdline) + 2, // just enough to see that a line is longer
		want:    p.wanted(),
		denials: denials{log: p.Log},
	}
}

// read reads in the order of worth, because the process may end at any time: first the
// arguments, which nothing else tells.
func (r *procReader) read(e *cnproc.Event, d *details) {
	*d = details{}
	pid := e.Task.TGID
	r.denials.at(e.Timestamp)

	var arguments []byte
	if r.want.cmdline {
		// There is none when the process has ended, and while it is loading yet another
		// program. Before Linux 5.18 a program may also have no arguments; it is reported
		// as gone rather than to mistake the others.
		n, err := r.fs.Cmdline(pid, r.buf)
		d.gone = err != nil
		arguments = r.buf[:n]
	}

	var st procfs.Status
	if err := r.fs.Status(pid, &st); err != nil {
		d.gone = true
		return
	}
	// Copied, because what is read next overwrites it.
	var copied [maxKernelName]byte
	comm := copied[:copy(copied[:], st.Name)]
	d.status(&st, &r.want)

	if r.want.exe {
		d.exe, d.denied = r.link(r.fs.Exe, pid)
	}
	if r.want.cwd {
		var denied bool
		d.cwd, denied = r.link(r.fs.Cwd, pid)
		d.denied = d.denied || denied
	}
	if r.want.cgroup {
		// Without it the fields are left out, which is all there is to say.
		if cg, err := r.fs.Cgroup(pid); err == nil {
			d.grouped, d.unit, d.container = true, cg.Unit, cg.ContainerID
		}
	}
	d.command = r.name(pid, comm, arguments, d.exe, true)
	d.cmdline = cmdline.TrimTitle(arguments)
	d.cmdline = d.cmdline[:min(len(d.cmdline), r.length)]
}

// link reads exe or cwd, unless that is left out for a while. It is empty where it
// cannot be read.
func (r *procReader) link(read func(int32) (string, error), pid int32) (target string, denied bool) {
	if r.denials.paused {
		return "", false
	}
	target, err := read(pid)
	denied = errors.Is(err, fs.ErrPermission)
	if err == nil || denied {
		r.denials.asked(denied)
	}
	return target, denied
}

// name completes a name that is vague, with the arguments and the exe as far as
// they have been read.
func (r *procReader) name(pid int32, comm, arguments []byte, exe string, execed bool) string {
	if !processes.Vague(comm, execed) {
		return r.names.Of(comm)
	}
	if len(arguments) == 0 {
		if n, err := r.fs.Cmdline(pid, r.buf); err == nil {
			arguments = r.buf[:n]
		}
	}
	if exe == "" {
		// A name that cannot be completed stays as the kernel has it.
		exe, _ = r.link(r.fs.Exe, pid)
	}
	return processes.WholeName(comm, arguments, exe, execed)
}

// describe fills in what is kept of a process that was there before the plugin,
// or before events were lost, and returns the arguments that it runs with.
func (r *procReader) describe(st *procfs.Stat, p *processes.Process) (arguments []byte, err error) {
	if p.Kernel {
		// It is root's, has no arguments, and what its control group says is
		// not its own.
		p.Command, p.UIDKnown = processes.Kernel, true
		return nil, nil
	}
	// Copied, because what is read next overwrites it.
	var copied [maxKernelName]byte
	comm := copied[:copy(copied[:], st.Comm)]
	var status procfs.Status
	err = r.fs.Status(p.PID, &status)
	if errors.Is(err, procfs.ErrGone) {
		return nil, err
	}
	p.UID, p.UIDKnown = status.UID, err == nil
	if r.want.cgroup {
		if cg, err := r.fs.Cgroup(p.PID); err == nil {
			p.Unit, p.ContainerID = cg.Unit, cg.ContainerID
		}
	}
	if r.want.kept {
		if n, err := r.fs.Cmdline(p.PID, r.buf); err == nil {
			arguments = r.buf[:n]
		}
	}
	p.Command = r.name(p.PID, comm, arguments, "", false)
	arguments = cmdline.TrimTitle(arguments)
	return arguments[:min(len(arguments), r.length)], nil
}

// began finds out when a process started whose fork was lost, unless its id is another's
// by now.
func (r *procReader) began(p *processes.Process, at uint64, suspended int64) {
	var st procfs.Stat
	if r.fs.Stat(p.PID, &st) != nil {
		return
	}
	if start := processes.Start(st.StartTime, suspended); start <= at {
		p.Start = start
	}
}

// identify names a process, unless its id is another's by now.
func (r *procReader) identify(p *processes.Process, suspended int64) (ok bool) {
	var st procfs.Stat
	if err := r.fs.Stat(p.PID, &st); err != nil || !processes.SameStart(p.Start, processes.Start(st.StartTime, suspended)) {
		return false
	}
	if p.Kernel = st.KernelThread(); p.Kernel {
		p.Command = processes.Kernel
		return true
	}
	var copied [maxKernelName]byte
	p.Command = r.name(p.PID, copied[:copy(copied[:], st.Comm)], nil, "", false)
	return true
}

const (
	// maxDenials is after how many denials exe and cwd are no longer asked for, and
	// denialPause for how long. One that is permitted makes up for permittedWeight
	// denials, so that who may read some processes goes on. After the pause
	// furtherDenials are enough.
	maxDenials      = 100
	permittedWeight = 10
	furtherDenials  = 10
	denialPause     = uint64(time.Hour)
)

// denials keeps account of the kernel's refusals to tell exe and cwd of a process.
// Where AppArmor or SELinux are the reason, each leaves a line in the audit log,
// which would fill: so after a while nobody asks, and an hour later it is tried
// again.
type denials struct {
	log    telegraf.Logger
	tell   func(ask bool) // tells the catchers, if there are any
	count  int
	paused bool
	until  uint64 // the end of the pause, once that is known
	logged bool
}

// at takes note of the time, in nanoseconds of CLOCK_MONOTONIC.
func (d *denials) at(now uint64) {
	switch {
	case !d.paused:
	case d.until == 0:
		d.until = now + denialPause
	case now >= d.until:
		d.paused, d.until, d.count = false, 0, maxDenials-furtherDenials
		d.told()
	}
}

// asked takes note of an answer.
func (d *denials) asked(denied bool) {
	if !denied {
		d.count = max(d.count-permittedWeight, 0)
		return
	}
	d.count++
	if d.count < maxDenials || d.paused {
		return
	}
	d.paused = true
	d.told()
	if !d.logged {
		d.logged = true
		d.log.Warnf("Reading exe and cwd of other processes was denied %d times, so that it is left out now and tried again each hour: "+
			"see CAP_SYS_PTRACE, and the rules of AppArmor or SELinux", d.count)
	}
}

func (d *denials) told() {
	if d.tell != nil {
		d.tell(!d.paused)
	}
}
