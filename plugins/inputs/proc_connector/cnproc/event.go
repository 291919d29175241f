package cnproc

import (
	"bytes"
	"encoding/binary"
	"time"
)

// EventType is the type of an event: enum proc_cn_event in include/uapi/linux/cn_proc.h.
type EventType uint32

// The event types.
const (
	eventNone     EventType = 0x00000000 // PROC_EVENT_NONE: the acknowledgement of a request
	EventFork     EventType = 0x00000001 // PROC_EVENT_FORK
	EventExec     EventType = 0x00000002 // PROC_EVENT_EXEC
	EventUID      EventType = 0x00000004 // PROC_EVENT_UID
	EventGID      EventType = 0x00000040 // PROC_EVENT_GID
	EventSID      EventType = 0x00000080 // PROC_EVENT_SID
	EventPtrace   EventType = 0x00000100 // PROC_EVENT_PTRACE
	EventComm     EventType = 0x00000200 // PROC_EVENT_COMM
	EventCoredump EventType = 0x40000000 // PROC_EVENT_COREDUMP
	EventExit     EventType = 0x80000000 // PROC_EVENT_EXIT
)

// A Task names one thread the way the kernel does.
type Task struct {
	PID  int32 // the thread's own id (task->pid)
	TGID int32 // the id of its process (task->tgid)
}

// Leader reports whether the task is its process's first thread.
func (t Task) Leader() bool { return t.PID == t.TGID }

// An Event is one message. Which fields are set depends on What; the others are zero.
type Event struct {
	What EventType
	CPU  uint32 // that reported the event
	// Timestamp is in nanoseconds of CLOCK_MONOTONIC. Together with the task's id it is
	// the same in every copy of an event, whichever socket it came through.
	Timestamp uint64
	Time      time.Time // Timestamp on the wall clock; Decode leaves it zero

	// Task is what the event is about, for EventFork the new task. Zero for unknown types.
	Task Task
	// Parent is for EventFork, EventCoredump and EventExit. For a new thread it is the parent
	// of the creating process, not the creator. For an exit it is zero if that is a
	// thread's, if the parent has waited for the process before the kernel reports it
	// (proc_exit_connector in drivers/connector/cn_proc.c), and before Linux 4.18.
	Parent Task

	ExitStatus ExitStatus // for EventExit
	ExitSignal int32      // what its parent is sent (17, SIGCHLD, for most); -1 for threads

	RealID, EffectiveID uint32        // the new user ids of EventUID, the new group ids of EventGID
	Tracer              Task          // for EventPtrace; zero when the tracer let go
	Comm                [CommLen]byte // the new name of EventComm, ended by a zero byte

	ack, ackErrno uint32 // of an acknowledgement: the request's number + 1, and why it was refused, or 0
}

// Name returns Comm without its zero byte: whatever a process chose, not necessarily text.
func (e *Event) Name() []byte {
	name, _, _ := bytes.Cut(e.Comm[:], []byte{0})
	return name
}

// Thread reports whether the event is about a thread other than its process's first. An
// exec never is: the kernel gives the thread that called it the id of the process before.
func (e *Event) Thread() bool { return !e.Task.Leader() }

// Attached reports, for EventPtrace, whether a tracer took hold or let go.
func (e *Event) Attached() bool { return e.Tracer != Task{} }

// An ExitStatus is a wait status, as in wait(2).
type ExitStatus uint32

// Code is the status that the process passed to exit, or 0 if a signal killed it.
func (s ExitStatus) Code() int { return int(s >> 8 & 0xff) }

// Signal is the number of the signal that killed the process, or 0.
func (s ExitStatus) Signal() int { return int(s & 0x7f) }

// CoreDumped reports whether the kernel wrote a core file.
func (s ExitStatus) CoreDumped() bool { return s&0x80 != 0 }

// Signaled reports whether a signal killed the process.
func (s ExitStatus) Signaled() bool { return s.Signal() != 0 }

// Decode reads one datagram, from the start of its nlmsghdr, into e. It allocates nothing
// and keeps no reference to b. Of an unknown type e has What, CPU and Timestamp.
//
// The error is ErrMalformed (errors.Is) when b is cut short, when its inner lengths contradict
// each other, or when it is no message of the process connector; e is then undefined.
func Decode(b []byte, e *Event) error {
	order := binary.NativeEndian
	// nlmsg_len bounds the message within the datagram, cn_msg.len the event within the
	// message. Nothing behind them is looked at before they are checked.
	if len(b) < offData {
		return errShort
	}
	end := offData + int(order.Uint16(b[offLen:]))
	switch n := order.Uint32(b); {
	case n < offData || uint64(n) > uint64(len(b)):
		return errLength
	case order.Uint32(b[offIdx:]) != cnIdxProc || order.Uint32(b[offVal:]) != cnValProc:
		return errForeign
	case end > int(n):
		return errLength
	case end < offEvent:
		return errShort
	}

	*e = Event{
		What:      EventType(order.Uint32(b[offWhat:])),
		CPU:       order.Uint32(b[offCPU:]),
		Timestamp: order.Uint64(b[offTimestamp:]),
	}
	union := b[offEvent:end]
	if len(union) < e.What.unionLen() {
		return errShort
	}
	word := func(off int) uint32 { return order.Uint32(union[off:]) }
	task := func(off int) Task { return Task{PID: int32(word(off)), TGID: int32(word(off + 4))} }

	switch e.What {
	case eventNone:
		e.ack, e.ackErrno = order.Uint32(b[offAck:]), word(0)
	case EventFork:
		e.Parent, e.Task = task(0), task(8)
	case EventExec, EventSID:
		e.Task = task(0)
	case EventUID, EventGID:
		e.Task, e.RealID, e.EffectiveID = task(0), word(8), word(12)
	case EventPtrace:
		e.Task, e.Tracer = task(0), task(8)
	case EventComm:
		e.Task = task(0)
		copy(e.Comm[:], union[8:])
	case EventCoredump:
		e.Task, e.Parent = task(0), task(8)
	case EventExit:
		e.Task, e.ExitStatus, e.ExitSignal = task(0), ExitStatus(word(8)), int32(word(12))
		if len(union) >= 24 { // since Linux 4.18
			e.Parent = task(16)
		}
	}
	return nil
}

// unionLen is how many bytes of the union an event of this type needs.
func (w EventType) unionLen() int {
	switch w {
	case eventNone:
		return 4
	case EventExec, EventSID:
		return 8
	case EventFork, EventUID, EventGID, EventPtrace, EventCoredump, EventExit:
		return 16
	case EventComm:
		return 8 + CommLen
	default:
		return 0
	}
}
