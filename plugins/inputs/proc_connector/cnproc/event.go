package cnproc

import (
	"bytes"
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
