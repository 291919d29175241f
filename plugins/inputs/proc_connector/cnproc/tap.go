package cnproc

import (
	"errors"
	"unsafe"
)

// A CPURange is the CPUs from First to Last, as Event.CPU numbers them.
type CPURange struct{ First, Last uint32 }

// A Tap is a member of the group besides a Session: it hears the execs on some CPUs, in
// copies of its own, for as long as a session listens. It sends no LISTEN, and so owes
// nothing. Its opener reads the datagrams from its descriptor with system calls of its
// own, into a TapMessage; those whose sender is not port id 0 are not the kernel's. They
// wait for an event, until a signal interrupts them.
type Tap struct{ sock *netlinkSocket }

// OpenTap joins the group, with a buffer as in Config, but not 0. Errors are *OpError with
// reasons of Open: ErrNoConnector, ErrNetlinkDenied, ErrTimeNamespace and ErrPermission.
func OpenTap(cpus CPURange, receiveBuffer int) (*Tap, error) {
	sock, err := dialPassive()
	if err != nil {
		return nil, &OpError{Op: "dial", Err: err}
	}
	if op, err := sock.hear(tapFilter(cpus), receiveBuffer); err != nil {
		return nil, &OpError{Op: op, Err: errors.Join(err, sock.close())}
	}
	if err := sock.block(); err != nil {
		return nil, &OpError{Op: "block", Err: errors.Join(err, sock.close())}
	}
	return &Tap{sock: sock}, nil
}

// FD is the tap's descriptor.
func (t *Tap) FD() int { return t.sock.fd }

// Close leaves the group. Nobody may be reading from the descriptor any more.
func (t *Tap) Close() error { return t.sock.close() }

// A TapMessage is where a datagram of a Tap is read into.
type TapMessage [slotLen]byte

// Exec takes the process and the time of an exec from a message of n bytes, and returns
// false if that is too short. It may be called where a Go stack cannot grow.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (m *TapMessage) Exec(n uintptr, pid *int32, timestamp *uint64) bool {
	if n < offEvent+8 {
		return false
	}
	// Bytes, because the kernel aligns neither to its size.
	*(*[8]byte)(unsafe.Pointer(timestamp)) = *(*[8]byte)(unsafe.Pointer(&m[offTimestamp]))
	*(*[4]byte)(unsafe.Pointer(pid)) = *(*[4]byte)(unsafe.Pointer(&m[offEvent+4]))
	return true
}
