// Package rawlisten talks to the process connector with nothing but the system
// calls, and shares no code with the plugin. Tests use it as an independent
// witness of what the kernel does, as the other program that listens too, and
// as the one that misbehaves.
//
// Sources: include/uapi/linux/cn_proc.h, include/uapi/linux/connector.h,
// include/uapi/linux/netlink.h, drivers/connector/cn_proc.c.
package rawlisten

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

const (
	// #define CN_IDX_PROC 0x1, which is also the multicast group
	// #define CN_VAL_PROC 0x1
	cnIdxProc = 0x1
	cnValProc = 0x1

	// struct nlmsghdr, struct cn_msg, struct proc_event
	sizeofNlMsghdr  = 16
	sizeofCnMsg     = 20
	sizeofProcEvent = 40
)

// enum proc_cn_mcast_op
const (
	Listen uint32 = 1 // PROC_CN_MCAST_LISTEN
	Ignore uint32 = 2 // PROC_CN_MCAST_IGNORE
)

// enum proc_cn_event
const (
	EventNone     uint32 = 0x00000000 // PROC_EVENT_NONE
	EventFork     uint32 = 0x00000001 // PROC_EVENT_FORK
	EventExec     uint32 = 0x00000002 // PROC_EVENT_EXEC
	EventUID      uint32 = 0x00000004 // PROC_EVENT_UID
	EventGID      uint32 = 0x00000040 // PROC_EVENT_GID
	EventSID      uint32 = 0x00000080 // PROC_EVENT_SID
	EventPtrace   uint32 = 0x00000100 // PROC_EVENT_PTRACE
	EventComm     uint32 = 0x00000200 // PROC_EVENT_COMM
	EventCoredump uint32 = 0x40000000 // PROC_EVENT_COREDUMP
	EventExit     uint32 = 0x80000000 // PROC_EVENT_EXIT
)

// Conn is a raw socket that is a member of the connector's group. It is not
// safe for concurrent use.
type Conn struct {
	fd      int
	nonce   uint32
	overran bool
}

// Event is a struct proc_event with its event_data taken as 32-bit words: Data[0]
// is the pid and Data[1] the tgid of the process for every event but FORK, where
// they are the parent's and the child's follow.
type Event struct {
	What        uint32
	CPU         uint32
	TimestampNs uint64
	Data        [6]uint32

	ack uint32
}

// Dial opens a socket, lets the kernel choose its port id and joins the group.
// It sends nothing, hence leaves the listener count alone.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := growBuffer(fd); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind: %w", err), unix.Close(fd))
	}
	return &Conn{fd: fd}, nil
}

// Ride joins the group as a member that the kernel does not count: one that has never
// sent LISTEN or, if paused, one that has taken it back and kept its socket.
func Ride(paused bool) (*Conn, error) {
	c, err := Dial()
	if err != nil || !paused {
		return c, err
	}
	if err := errors.Join(c.Send(Listen), c.Send(Ignore)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// growBuffer makes room for some twenty thousand events where the caller has
// CAP_NET_ADMIN, and for as many as the kernel allows elsewhere: a witness must
// not lose events to what else goes on on a busy machine.
func growBuffer(fd int) error {
	const size = 8 << 20
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	if err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	return nil
}

// Send sends one request with the given operation, known to the kernel or not.
// The kernel has dealt with it when Send returns.
func (c *Conn) Send(op uint32) error {
	c.nonce = rand.Uint32() //nolint:gosec // G404: it tells our requests from those of others, and keeps no secret

	b := make([]byte, 0, sizeofNlMsghdr+sizeofCnMsg+4)
	ne := binary.NativeEndian
	// struct nlmsghdr
	b = ne.AppendUint32(b, uint32(cap(b)))  // nlmsg_len
	b = ne.AppendUint16(b, unix.NLMSG_DONE) // nlmsg_type
	b = ne.AppendUint16(b, 0)               // nlmsg_flags
	b = ne.AppendUint32(b, 0)               // nlmsg_seq
	b = ne.AppendUint32(b, 0)               // nlmsg_pid
	b = ne.AppendUint32(b, cnIdxProc)       // cn_msg: id.idx
	b = ne.AppendUint32(b, cnValProc)       // id.val
	b = ne.AppendUint32(b, 0)               // seq
	b = ne.AppendUint32(b, c.nonce)         // ack
	b = ne.AppendUint16(b, 4)               // len
	b = ne.AppendUint16(b, 0)               // flags
	b = ne.AppendUint32(b, op)              // data: enum proc_cn_mcast_op
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send of operation %d: %w", op, err)
	}
	return nil
}

// Receive takes the next event off the queue, and reports false when there is
// none. Overran tells of events that are missing.
func (c *Conn) Receive() (Event, bool) {
	var b [256]byte
	for {
		n, from, err := unix.Recvfrom(c.fd, b[:], 0)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			c.overran = true
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return Event{}, false
		}
		if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 {
			// Not from the kernel: anyone may send to the socket of anyone.
			continue
		}
		if ev, ok := decode(b[:n]); ok {
			return ev, true
		}
	}
}

func decode(b []byte) (Event, bool) {
	if len(b) < sizeofNlMsghdr+sizeofCnMsg+sizeofProcEvent {
		return Event{}, false
	}
	ne := binary.NativeEndian
	msg := b[sizeofNlMsghdr:]
	if ne.Uint32(msg) != cnIdxProc || ne.Uint32(msg[4:]) != cnValProc {
		return Event{}, false
	}
	p := msg[sizeofCnMsg:]
	ev := Event{
		What:        ne.Uint32(p),
		CPU:         ne.Uint32(p[4:]),
		TimestampNs: ne.Uint64(p[8:]),
		ack:         ne.Uint32(msg[12:]),
	}
	for i := range ev.Data {
		ev.Data[i] = ne.Uint32(p[16+4*i:])
	}
	return ev, true
}

// Acked reports whether the kernel's acknowledgement of the last Send, without
// an error in it, is in the queue. It takes events off the queue until it finds
// it, or until the queue is empty.
//
// False after a LISTEN means that the machine is deaf, or that the request was
// dropped. After an IGNORE it means nothing: from Linux 6.6 on that
// acknowledgement does not reach the socket that asked.
func (c *Conn) Acked() bool {
	for {
		ev, ok := c.Receive()
		if !ok {
			return false
		}
		if ev.What == EventNone && ev.ack == c.nonce+1 && ev.Data[0] == 0 {
			return true
		}
	}
}

// Drain empties the queue and returns how many events were in it.
func (c *Conn) Drain() int {
	for n := 0; ; n++ {
		if _, ok := c.Receive(); !ok {
			return n
		}
	}
}

// Overran reports whether events were lost because the queue was full, as far as
// Receive and those that build on it have come across the gap. A witness that
// overran has seen nothing for certain.
func (c *Conn) Overran() bool { return c.overran }

// Close closes the socket and sends nothing: a LISTEN that got no IGNORE stays
// in the listener count for ever, as after a crash.
func (c *Conn) Close() error {
	if c.fd < 0 {
		return nil
	}
	err := unix.Close(c.fd)
	c.fd = -1
	return err
}
