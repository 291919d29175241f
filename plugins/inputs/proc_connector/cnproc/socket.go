package cnproc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// batchLen is how many datagrams one system call fetches at most.
const batchLen = 64

// A netlinkSocket is a connector socket. mdlayher/netlink dials it, sizes its buffer
// and joins the group; requests and events go over the bare descriptor, in batches.
type netlinkSocket struct {
	conn *netlink.Conn // nil once the socket has joined
	// fd is a duplicate of conn's descriptor. The Go runtime's network poller does not
	// know it: each datagram would wake a thread of the runtime besides the receiver.
	fd     int
	waiter *waiter        // of a session
	alarm  *netlinkSocket // nil: there is none
	busy   bool           // something was received since the last window

	headers   [batchLen]mmsghdr
	iovecs    [batchLen]unix.Iovec
	senders   [batchLen]unix.RawSockaddrNetlink
	slots     [batchLen][slotLen]byte
	datagrams [batchLen]datagram
}

// An mmsghdr is one message of sendmmsg(2) and recvmmsg(2).
//
//	struct mmsghdr { struct user_msghdr msg_hdr; unsigned int msg_len; }; // include/linux/socket.h
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

func (h *mmsghdr) set(iov *unix.Iovec, data []byte, address *unix.RawSockaddrNetlink) {
	iov.Base = &data[0]
	iov.SetLen(len(data))
	h.hdr.Iov = iov
	h.hdr.SetIovlen(1)
	h.hdr.Name = (*byte)(unsafe.Pointer(address))
	h.hdr.Namelen = unix.SizeofSockaddrNetlink
}

// dialSession returns a socket that can be waited for. The kernel chooses its port id.
func dialSession() (_ *netlinkSocket, err error) {
	s, err := dialNetlink(0)
	if err != nil {
		return nil, err
	}
	if s.waiter, err = newWaiter(); err == nil {
		err = s.waiter.add(s.fd)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// dialPassive tries a few of the passive port ids. If others have them all the kernel
// chooses one, which looks like that of a program that listens.
func dialPassive() (sock *netlinkSocket, err error) {
	const attempts = 10
	for range attempts {
		port := passivePorts + uint32(rand.N(passivePortCount)) //nolint:gosec // G404: it need not be a secret
		if sock, err = dialNetlink(port); !errors.Is(err, unix.EADDRINUSE) {
			return sock, err
		}
	}
	return dialNetlink(0)
}

// dialNetlink makes a socket in no group, so that nothing arrives before there is a filter.
func dialNetlink(port uint32) (_ *netlinkSocket, err error) {
	s := &netlinkSocket{fd: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.conn, err = netlink.Dial(netlinkConnector, &netlink.Config{PID: port}); err != nil {
		return nil, dialError(err)
	}
	if _, err = timeOffset(); err != nil {
		return nil, err
	}
	// ENOBUFS would stop the queue until it has been emptied, and says less about the
	// loss than the drop counter.
	if err = s.conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return nil, fmt.Errorf("setting NETLINK_NO_ENOBUFS: %w", err)
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var dupErr error
	err = raw.Control(func(fd uintptr) { s.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	err = errors.Join(err, os.NewSyscallError("fcntl", dupErr))
	if err != nil {
		return nil, err
	}
	for i := range s.headers {
		s.headers[i].set(&s.iovecs[i], s.slots[i][:], &s.senders[i])
	}
	return s, nil
}

// setFilter works without conn, which is gone when the session's filter is replaced.
func (s *netlinkSocket) setFilter(filter []bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, 0, len(raw))
	for _, i := range raw {
		program = append(program, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	err = unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	return os.NewSyscallError("setsockopt", err)
}

// setReceiveBuffer asks with SO_RCVBUFFORCE, else with SO_RCVBUF, which the kernel limits
// to net.core.rmem_max without a word: so the size is read back. The kernel keeps twice
// what was asked for (net/core/sock.c), for its own bookkeeping.
func (s *netlinkSocket) setReceiveBuffer(bytes int) (int, error) {
	if err := s.conn.SetReadBuffer(bytes); err != nil {
		return 0, err
	}
	got, err := s.conn.ReadBuffer()
	return got / 2, err
}

// join enters the group and takes the socket out of the Go runtime's hands.
func (s *netlinkSocket) join() (port uint32, err error) {
	port = s.conn.PID()
	if err := s.conn.JoinGroup(cnIdxProc); err != nil {
		return port, permission(err)
	}
	conn := s.conn
	s.conn = nil
	return port, conn.Close()
}

// hear joins with everything in place before the first event. It returns the step that failed.
func (s *netlinkSocket) hear(filter []bpf.Instruction, receiveBuffer int) (op string, err error) {
	if err := s.setFilter(filter); err != nil {
		return "attach filter", err
	}
	if _, err := s.setReceiveBuffer(receiveBuffer); err != nil {
		return "size buffer", err
	}
	_, err = s.join()
	return "join", err
}

// block has system calls that receive wait. Without a limit of their time they would begin
// again after a signal (sock_intr_errno in include/net/sock.h), so they have a long one.
func (s *netlinkSocket) block() error {
	month := unix.NsecToTimeval((30 * 24 * time.Hour).Nanoseconds())
	return errors.Join(
		os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &month)),
		os.NewSyscallError("fcntl", unix.SetNonblock(s.fd, false)),
	)
}

func (s *netlinkSocket) send(requests ...[]byte) (n int, err error) {
	kernel := &unix.RawSockaddrNetlink{Family: unix.AF_NETLINK}
	headers := make([]mmsghdr, len(requests))
	iovecs := make([]unix.Iovec, len(requests))
	for i, request := range requests {
		headers[i].set(&iovecs[i], request, kernel)
	}
	for n < len(headers) {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG,
			uintptr(s.fd), uintptr(unsafe.Pointer(&headers[n])), uintptr(len(headers)-n), 0, 0, 0)
		switch errno {
		case 0:
			n += int(sent)
		case unix.EINTR:
			continue
		case unix.ECONNREFUSED: // nobody reads requests in this network namespace
			return n, because(namespaceError{ErrNetworkNamespace}, os.NewSyscallError("sendmmsg", errno))
		default:
			return n, permission(os.NewSyscallError("sendmmsg", errno))
		}
	}
	return n, nil
}

func (s *netlinkSocket) receive(limit int) ([]datagram, error) {
	limit = min(limit, batchLen)
	for {
		// A raw call, because it cannot block.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG,
			uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[0])), uintptr(limit), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			for i := range s.headers[:n] {
				// A datagram longer than its slot arrives cut, and Decode refuses it.
				s.datagrams[i] = datagram{bytes: s.slots[i][:s.headers[i].len], sender: s.senders[i].Pid}
			}
			s.busy = s.busy || n > 0
			return s.datagrams[:n], nil
		case unix.EAGAIN:
			return nil, nil
		case unix.EINTR, unix.ENOBUFS:
			continue
		default:
			return nil, os.NewSyscallError("recvmmsg", errno)
		}
	}
}

func (s *netlinkSocket) setAlarm(filter []bpf.Instruction) error {
	alarm, err := dialPassive()
	if err != nil {
		return err
	}
	if _, err = alarm.hear(filter, 1); err == nil { // the smallest buffer: one event will do
		err = s.waiter.add(alarm.fd)
	}
	if err != nil {
		return errors.Join(err, alarm.close())
	}
	s.alarm = alarm
	return nil
}

func (s *netlinkSocket) wait(idle, window time.Duration) error {
	windowed := window > 0 && s.alarm != nil
	// While events keep coming, the first of a window wakes nobody.
	if !s.busy || idle >= 0 || !windowed {
		heard, err := s.waiter.wait(s.fd, idle)
		if !heard || err != nil || !windowed {
			return err
		}
	}
	s.busy = false
	for full := true; full; { // what it heard before is no reason to hurry now
		batch, err := s.alarm.receive(batchLen)
		full = err == nil && len(batch) == batchLen
	}
	_, err := s.waiter.wait(s.alarm.fd, window)
	return err
}

func (s *netlinkSocket) wake() error { return s.waiter.wake() }

func (s *netlinkSocket) leave() error {
	err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, cnIdxProc)
	return os.NewSyscallError("setsockopt", err)
}

// drops reads the counter that /proc/net/netlink shows in its column Drops.
func (s *netlinkSocket) drops() (uint32, error) {
	// include/uapi/linux/sock_diag.h: the words of SO_MEMINFO
	//	enum { SK_MEMINFO_RMEM_ALLOC, ..., SK_MEMINFO_DROPS, SK_MEMINFO_VARS };
	const skMeminfoDrops, skMeminfoVars = 8, 9
	var info [skMeminfoVars]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT,
		uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, dropsError(errno)
	}
	return info[skMeminfoDrops], nil
}

func (s *netlinkSocket) close() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.alarm != nil {
		errs = append(errs, s.alarm.close())
	}
	if s.waiter != nil { // stays there for a wake that comes late
		errs = append(errs, s.waiter.close())
	}
	if s.fd >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(s.fd)))
	}
	return errors.Join(errs...)
}
