package catcher

import (
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A Record is what was read of a process after an exec. Its slices are copies,
// which are valid until the Record is filled again.
type Record struct {
	// ReadAt is when the last of it had been read, on the clock of events.
	ReadAt uint64
	// Cmdline is the arguments, each ended by a NUL. It is empty when the process
	// had ended, or was loading another program.
	Cmdline []byte
	Stat    []byte // empty when the process had ended and was waited for
	Exe     []byte
	Cwd     []byte
	Cgroup  []byte
	// Denied means that the kernel refused to tell Exe or Cwd.
	Denied bool

	buf []byte
}

// Take fills r with what a catcher has read about an exec: of the process with
// that id, reported with that timestamp on that CPU. It returns false when no
// catcher has come to it, in time or at all. Each can be taken once.
func (c *Catchers) Take(cpu uint32, pid int32, timestamp uint64, r *Record) bool {
	for _, w := range c.workers {
		if cpu < w.group.cpus.First || cpu > w.group.cpus.Last {
			continue
		}
		e := w.ring.find(pid, timestamp)
		if e == nil {
			return false
		}
		r.fill(e)
		w.ring.free()
		return true
	}
	return false
}

func (r *Record) fill(e *entry) {
	buf := r.buf[:0]
	var ends [parts]int
	for part := range parts {
		buf = append(buf, e.part(part)...)
		ends[part] = len(buf)
	}
	r.buf = buf
	r.ReadAt = cnproc.EventTime(e.readAt)
	r.Cmdline = buf[:ends[partCmdline]]
	r.Stat = buf[ends[partCmdline]:ends[partStat]]
	r.Exe = buf[ends[partStat]:ends[partExe]]
	r.Cwd = buf[ends[partExe]:ends[partCwd]]
	r.Cgroup = buf[ends[partCwd]:ends[partCgroup]]
	r.Denied = denied(e.lengths[partExe]) || denied(e.lengths[partCwd])
}

func denied(length int32) bool {
	return length == -int32(unix.EACCES) || length == -int32(unix.EPERM)
}
