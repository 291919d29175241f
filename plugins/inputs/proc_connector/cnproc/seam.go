package cnproc

import (
	"errors"
	"os"
	"time"

	"golang.org/x/net/bpf"
)

// A socket is the seam between the state machine and the kernel, where tests put a fake.
type socket interface { //nolint:interfacebloat // a socket is all that a session has of the kernel
	// setFilter may be called again, and then takes the place of what was there.
	setFilter(filter []bpf.Instruction) error
	// setReceiveBuffer asks for a size in bytes and returns the size got.
	setReceiveBuffer(bytes int) (int, error)
	// join enters the group and returns the socket's port id.
	join() (port uint32, err error)
	// send hands requests to the kernel, up to 1,024 in one system call, which not even
	// SIGKILL interrupts. When it returns the kernel has dealt with the first n, in their
	// order, and has not seen the others, of which there are some only with an error.
	send(requests ...[]byte) (n int, err error)
	// receive returns what is queued, at most limit datagrams and a batch. It never
	// waits. The datagrams are valid until the next call.
	receive(limit int) ([]datagram, error)
	// setAlarm has a second member of the group, with a filter of its own, end the
	// window of wait as soon as it hears something.
	setAlarm(filter []bpf.Instruction) error
	// wait returns when something is queued, and more had a window of time to
	// arrive; when wake was called; or after the time idle, unless that is negative.
	wait(idle, window time.Duration) error
	// wake ends a wait, or the next one if there is none.
	wake() error
	// leave leaves the group, so that nothing more is queued.
	leave() error
	// drops is how many events the kernel could not queue so far, modulo 2^32.
	drops() (uint32, error)
	close() error
}

// A datagram is one message of the queue.
type datagram struct {
	bytes  []byte
	sender uint32 // port id; 0 is the kernel
}

// system is what a session needs of the machine besides.
type system struct {
	dial        func() (socket, error)
	dialPassive func() (socket, error) // for a member that sends no LISTEN; see Member.passive
	// obstacle says why the kernel would not answer, if that is plain to see, or
	// errUnknown if it cannot be found out.
	obstacle func() error
	// rename sends a canary: see renameThread. The kernel reports it before rename
	// returns, if it reports anything.
	rename  func() (Task, error)
	members func() (members map[Member]bool, crowd bool, err error) // see listMembers
	bootID  func() (string, error)                                  // names this run of the kernel
	// flock takes a file's lock, without waiting for it, and reports whether it did.
	// Only closing the file, or the end of the process, gives it up.
	flock    func(f *os.File) (bool, error)
	uid      int           // that this process acts as
	patience time.Duration // how long to wait for other sessions
	grace    time.Duration // how long to wait for members that may be on their way out
	budget   time.Duration // how long one repair takes at most
}

// errUnknown is wrapped by an obstacle that could not be looked for.
var errUnknown = errors.New("cannot be told")
