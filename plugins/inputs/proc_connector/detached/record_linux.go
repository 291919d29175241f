package detached

import (
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A Record is what was read of a process after an exec. Its slices are copies,
// valid until the next Take of the same Loop.
type Record struct {
	// ReadAt is when the last of it had been read, on the clock of events.
	ReadAt uint64
	// Cmdline is the arguments, each ended by a NUL. It is empty when the process
	// had ended, or was loading another program.
	Cmdline []byte
	Status  []byte // the beginning; empty when the process had ended and was waited for
	Exe     []byte
	Cwd     []byte
	Cgroup  []byte
	// Denied means that the kernel refused to tell Exe or Cwd.
	Denied bool
}

// Take fills r with what was read of an exec: of the process with that id, reported with
// that timestamp. It returns false when the loop has not come to it, in time or at all.
// Each can be taken once.
func (l *Loop) Take(pid int32, timestamp uint64, r *Record) bool {
	e := l.ring.find(pid, timestamp)
	if e == nil {
		return false
	}
	*r = Record{ReadAt: cnproc.EventTime(e.readAt), Denied: e.denied(partExe) || e.denied(partCwd)}
	buf := l.buf[:0]
	for part, field := range [parts]*[]byte{&r.Cmdline, &r.Status, &r.Exe, &r.Cwd, &r.Cgroup} {
		begin := len(buf)
		buf = append(buf, e.bytes(part)...)
		*field = buf[begin:]
	}
	l.buf = buf
	l.ring.free()
	return true
}

func (e *entry) denied(part int) bool {
	length := e.pieces[part].length
	return length == -int32(unix.EACCES) || length == -int32(unix.EPERM)
}
