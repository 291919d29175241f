package cnproc

import (
	"bytes"
	"strconv"
	"time"
)

// A Task names one thread the way the kernel does.
type Task struct {
	PID  int32 // the thread's own id (task->pid)
	TGID int32 // the id of its process (task->tgid)
}

// Leader reports whether the task is its process's first thread, whose id is
// the process's id.
func (t Task) Leader() bool { return t.PID == t.TGID }

// An Event is one message of the process connector. Which fields are set
// depends on What; the others are zero.
type Event struct {
	What What
	// CPU is the processor that reported the event. Kernels before 6.6 may
	// report 0xffffffff for an acknowledgement.
	CPU uint32
	// Timestamp is in nanoseconds of CLOCK_MONOTONIC. Together with the
	// task's id it is the same in every copy of an event, whichever socket
	// it came through.
	Timestamp uint64
	// Time is Timestamp on the wall clock, as Receive knows it. Decode leaves
	// it zero.
	Time time.Time

	// Task is what the event is about: the new task for WhatFork, the task
	// itself otherwise. Zero for WhatNone and unknown types.
	Task Task
	// Parent is set for WhatFork, WhatCoredump and WhatExit. For a new thread
	// it is the parent of the creating process, not the creator; for the exit
	// of a thread it is zero, and for that of a process whose parent has waited
	// for it before the kernel reports it (proc_exit_connector in
	// drivers/connector/cn_proc.c); before Linux 4.18 it is zero for exits.
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

	// Ack and AckErrno are set for WhatNone. Ack is the number of the request,
	// plus one; AckErrno is the error number with which the kernel refused it,
	// or 0.
	Ack      uint32
	AckErrno uint32
}

// Name returns the bytes of Comm before the zero byte. They are whatever a
// process chose, not necessarily text.
func (e *Event) Name() []byte {
	if i := bytes.IndexByte(e.Comm[:], 0); i >= 0 {
		return e.Comm[:i]
	}
	return e.Comm[:]
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

// String returns the kernel's name of the type without its prefix, for example
// "fork", or its number in hexadecimal when it is not known.
func (w What) String() string {
	switch w {
	case WhatNone:
		return "none"
	case WhatFork:
		return "fork"
	case WhatExec:
		return "exec"
	case WhatUID:
		return "uid"
	case WhatGID:
		return "gid"
	case WhatSID:
		return "sid"
	case WhatPtrace:
		return "ptrace"
	case WhatComm:
		return "comm"
	case WhatCoredump:
		return "coredump"
	case WhatExit:
		return "exit"
	default:
		return "0x" + strconv.FormatUint(uint64(w), 16)
	}
}
