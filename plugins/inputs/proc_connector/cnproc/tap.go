package cnproc

// A CPURange is the CPUs from First to Last, as Event.CPU numbers them.
type CPURange struct{ First, Last uint32 }

// A TapConfig says what a Tap hears.
type TapConfig struct {
	// What is the one type of events that the tap hears.
	What What
	// CPUs are those whose events it hears.
	CPUs CPURange
	// ReceiveBuffer is as in Config, and may not be 0.
	ReceiveBuffer int
}

// A Tap is a member of the connector's group besides a Session: it hears its share
// of the events, in copies of its own, for as long as a session listens. It sends
// no LISTEN, and so owes nothing; the kernel's count of listeners never learns of
// it. The datagrams are read from its descriptor by whoever opened it, with
// system calls of its own. They have the layout that Decode reads; those whose
// sender is not port id 0 are not the kernel's.
type Tap struct {
	sock tapSocket
}

type tapSocket interface {
	descriptor() int
	close() error
}

// FD is the tap's descriptor.
func (t *Tap) FD() int { return t.sock.descriptor() }

// Close leaves the group. Nobody may be reading from the descriptor any more.
func (t *Tap) Close() error { return t.sock.close() }

// Where things stand in a datagram of WhatExec, in bytes from its beginning, in
// host byte order, for those who read from a Tap: see abi.go for the layout.
const (
	TapTimestamp = offTimestamp // __u64 timestamp_ns, nanoseconds of CLOCK_MONOTONIC
	TapTGID      = offEvent + 4 // __kernel_pid_t process_tgid
	TapLen       = offEvent + 8 // the shortest that holds both
)
