package cnproc

import (
	"bytes"
	"strconv"
	"time"
)

// What is the type of an event: enum proc_cn_event in include/uapi/linux/cn_proc.h.
type What uint32

// The nine event types.
const (
	whatNone     What = 0x00000000 // PROC_EVENT_NONE: the acknowledgement of a request
	WhatFork     What = 0x00000001 // PROC_EVENT_FORK
	WhatExec     What = 0x00000002 // PROC_EVENT_EXEC
	WhatUID      What = 0x00000004 // PROC_EVENT_UID
	WhatGID      What = 0x00000040 // PROC_EVENT_GID
	WhatSID      What = 0x00000080 // PROC_EVENT_SID
	WhatPtrace   What = 0x00000100 // PROC_EVENT_PTRACE
	WhatComm     What = 0x00000200 // PROC_EVENT_COMM
	WhatCoredump What = 0x40000000 // PROC_EVENT_COREDUMP
	WhatExit     What = 0x80000000 // PROC_EVENT_EXIT
)

var names = map[What]string{
	whatNone: "none", WhatFork: "fork", WhatExec: "exec", WhatUID: "uid", WhatGID: "gid", WhatSID: "sid",
	WhatPtrace: "ptrace", WhatComm: "comm", WhatCoredump: "coredump", WhatExit: "exit",
}

// String returns the kernel's name of the type without its prefix, for example
// "fork", or its number in hexadecimal when it is not known.
func (w What) String() string {
	if name, ok := names[w]; ok {
		return name
	}
	return "0x" + strconv.FormatUint(uint64(w), 16)
}

// A Task names one thread the way the kernel does.
type Task struct {
	PID  int32 // the thread's own id (task->pid)
	TGID int32 // the id of its process (task->tgid)
}

// Leader reports whether the task is its process's first thread.
func (t Task) Leader() bool { return t.PID == t.TGID }

// An Event is one message of the process connector. Which fields are set
// depends on What; the others are zero.
type Event struct {
	What What
	CPU  uint32 // that reported the event
	// Timestamp is in nanoseconds of CLOCK_MONOTONIC. Together with the task's id
	// it is the same in every copy of an event, whichever socket it came through.
	Timestamp uint64
	// Time is Timestamp on the wall clock. Decode leaves it zero.
	Time time.Time

	// Task is what the event is about: the new task for WhatFork, the task itself
	// otherwise. Zero for unknown types.
	Task Task
	// Parent is set for WhatFork, WhatCoredump and WhatExit. For a new thread it is
	// the parent of the creating process, not the creator. For an exit it is zero if
	// that is a thread's, if the parent has waited for the process before the kernel
	// reports it (proc_exit_connector in drivers/connector/cn_proc.c), and before
	// Linux 4.18.
	Parent Task

	// ExitStatus and ExitSignal are set for WhatExit. ExitSignal is what the
	// parent is sent (17, SIGCHLD, for most), not what ended the process;
	// it is -1 for threads.
	ExitStatus ExitStatus
	ExitSignal int32

	// RealID and EffectiveID are the new user ids of WhatUID and the new group
	// ids of WhatGID.
	RealID, EffectiveID uint32

	// Tracer is set for WhatPtrace; zero when the tracer let go.
	Tracer Task

	// Comm is the new name of WhatComm, ended by a zero byte.
	Comm [CommLen]byte

	// Of an acknowledgement: the number of the request, plus one, and the error
	// number with which the kernel refused it, or 0.
	ack, ackErrno uint32
}

// Name returns the bytes of Comm before the zero byte. They are whatever a
// process chose, not necessarily text.
func (e *Event) Name() []byte {
	name, _, _ := bytes.Cut(e.Comm[:], []byte{0})
	return name
}

// Thread reports whether the event is about a thread other than its process's
// first one. WhatExec never is: the kernel gives the thread that called exec
// the id of the process before it reports the event.
func (e *Event) Thread() bool { return !e.Task.Leader() }

// Attached reports, for WhatPtrace, whether a tracer took hold (true) or let
// go (false).
func (e *Event) Attached() bool { return e.Tracer != Task{} }

// An ExitStatus is a wait status, as in wait(2).
type ExitStatus uint32

// Code is the status that the process passed to exit, 0 to 255. It is 0 for a
// process that a signal killed.
func (s ExitStatus) Code() int { return int(s >> 8 & 0xff) }

// Signal is the number of the signal that killed the process, or 0.
func (s ExitStatus) Signal() int { return int(s & 0x7f) }

// CoreDumped reports whether the kernel wrote a core file.
func (s ExitStatus) CoreDumped() bool { return s&0x80 != 0 }

// Signaled reports whether a signal killed the process.
func (s ExitStatus) Signaled() bool { return s.Signal() != 0 }
