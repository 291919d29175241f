//go:build linux

package proc_connector

import (
	"errors"
	"io/fs"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/proctable"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// details are what /proc says about an exec.
type details struct {
	// gone means that the process had ended before it could be read. What
	// follows may still be there in part: a zombie keeps its name and parent.
	gone      bool
	readAt    uint64 // when it was read, in nanoseconds of CLOCK_MONOTONIC; 0 is just now
	cmdline   []byte // NUL-separated, cut at the reader's length; valid until the next read
	named     bool   // command, ppid and start are known
	command   string
	ppid      int32
	start     uint64 // clock ticks since boot
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

// maxKernelName is more than any name in /proc/PID/stat has: those of kernel
// workers have up to 63 bytes (proc_task_name in fs/proc/array.c), all others
// maxComm.
const maxKernelName = 64

// wanted says which details are worth a system call.
type wanted struct {
	cmdline, exe, cwd, cgroup bool
	// kept means that the arguments are wanted when a process ends, too.
	kept bool
}

// A procReader reads /proc at the moment it is asked.
type procReader struct {
	fs      *procfs.FS
	want    wanted
	buf     []byte // for arguments
	length  int    // how many bytes of them are passed on
	names   names
	denials denials
}

// nameLength is how many bytes of the arguments are read at least, since the name
// of the program may have to be completed from them: a path has PATH_MAX
// (include/uapi/linux/limits.h) at the most.
const nameLength = 4096

// read reads in the order of worth, because the process may end at any time:
// first the arguments, which nothing else tells.
func (r *procReader) read(e *cnproc.Event, d *details) {
	*d = details{}
	pid := e.Task.TGID
	r.denials.at(e.Timestamp)

	var arguments []byte
	if r.want.cmdline {
		// There is none when the process has ended, and while it is loading yet
		// another program. Before Linux 5.18 a program may also have no
		// arguments; it is reported as gone rather than to mistake the others.
		n, err := r.fs.Cmdline(pid, r.buf)
		d.gone = err != nil
		arguments = r.buf[:n]
	}

	var st procfs.Stat
	if err := r.fs.Stat(pid, &st); err != nil {
		d.gone = true
		return
	}
	// Copied, because what is read next overwrites it.
	var copied [maxKernelName]byte
	comm := copied[:copy(copied[:], st.Comm)]
	d.named, d.ppid, d.start = true, st.PPID, st.StartTime
	if !r.want.cmdline {
		d.gone = st.Exiting()
	}

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
	if !vague(comm, execed) {
		return r.names.of(comm)
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
	return wholeName(comm, arguments, exe, execed)
}

// describe fills in what is kept of a process that was there before the plugin,
// or before events were lost, and returns the arguments that it runs with.
func (r *procReader) describe(st *procfs.Stat, p *proctable.Process) (arguments []byte, err error) {
	if p.Kernel {
		// It is root's, has no arguments, and what its control group says is
		// not its own.
		p.Command, p.UIDKnown = series.Kernel, true
		return nil, nil
	}
	// Copied, because what is read next overwrites it.
	var copied [maxKernelName]byte
	comm := copied[:copy(copied[:], st.Comm)]
	uid, err := r.fs.RealUID(p.PID)
	if errors.Is(err, procfs.ErrGone) {
		return nil, err
	}
	p.UID, p.UIDKnown = uid, err == nil
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

// identify names a process, unless its id is another's by now.
func (r *procReader) identify(p *proctable.Process) (ok bool) {
	var st procfs.Stat
	if err := r.fs.Stat(p.PID, &st); err != nil || !proctable.SameStart(p.Start, proctable.Start(st.StartTime, suspended())) {
		return false
	}
	if p.Kernel = st.KernelThread(); p.Kernel {
		p.Command = series.Kernel
		return true
	}
	var copied [maxKernelName]byte
	p.Command = r.name(p.PID, copied[:copy(copied[:], st.Comm)], nil, "", false)
	return true
}
