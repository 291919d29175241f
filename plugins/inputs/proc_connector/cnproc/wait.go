package cnproc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A waiter sleeps until a socket has something to read. It is an epoll(7) instance that
// the Go runtime's poller watches: a goroutine that sleeps there costs no thread of its
// own, and none of the runtime's looks after it, as would be with one in a system call.
// Sockets are in it as EPOLLONESHOT, so that what arrives while nobody waits wakes
// nobody.
type waiter struct {
	epoll *os.File
	conn  syscall.RawConn
	fd    int // of epoll

	// wake is an eventfd. As a File it may be closed while it is signalled; the runtime
	// does not watch it, because it is not O_NONBLOCK.
	wake   *os.File
	wakeFD int

	// What look is given and returns: here, because it allocates nothing then.
	look  func(epoll uintptr) (done bool)
	event unix.EpollEvent
	ready [2]unix.EpollEvent
	n     int
	err   error
}

func newWaiter() (_ *waiter, err error) {
	w := new(waiter)
	w.look = func(epoll uintptr) bool {
		w.n, w.err = unix.EpollWait(int(epoll), w.ready[:], 0)
		return w.n > 0 || w.err != nil && !errors.Is(w.err, unix.EINTR)
	}
	if w.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.SetNonblock(w.fd, true); err != nil { // or os.NewFile would not have it watched
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(w.fd))
	}
	w.epoll = os.NewFile(uintptr(w.fd), "epoll")
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.conn, err = w.epoll.SyscallConn(); err != nil {
		return nil, err
	}
	if w.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	w.wake = os.NewFile(uintptr(w.wakeFD), "eventfd")
	err = w.control(unix.EPOLL_CTL_ADD, w.wakeFD, unix.EPOLLIN)
	return w, err
}

// add has the waiter know a socket.
func (w *waiter) add(fd int) error { return w.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLONESHOT) }

func (w *waiter) control(op, fd int, events uint32) error {
	w.event = unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.fd, op, fd, &w.event))
}

// wait returns when the socket has something to read (heard), when signal was called, or
// after the time limit, unless that is negative.
func (w *waiter) wait(fd int, limit time.Duration) (heard bool, err error) {
	if err := w.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN|unix.EPOLLONESHOT); err != nil {
		return false, err
	}
	var deadline time.Time // none
	if limit >= 0 {
		deadline = time.Now().Add(limit)
	}
	if err := w.epoll.SetReadDeadline(deadline); err != nil {
		return false, err
	}
	switch err = w.conn.Read(w.look); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case err != nil:
		return false, err
	case w.err != nil:
		return false, os.NewSyscallError("epoll_wait", w.err)
	}
	for _, e := range w.ready[:w.n] {
		switch {
		case int(e.Fd) == w.wakeFD:
			var count [8]byte
			_, err := w.wake.Read(count[:])
			return false, err
		case int(e.Fd) != fd: // of an earlier wait
		case e.Events&unix.EPOLLIN != 0:
			heard = true
		default:
			// EPOLLERR or EPOLLHUP alone: there would be nothing to read, and wait
			// would return at once, for ever.
			return false, fmt.Errorf("epoll_wait: %#x on the socket", e.Events)
		}
	}
	return heard, nil
}

// signal ends a wait, or the next one if there is none. It may be called at any time.
func (w *waiter) signal() error {
	_, err := w.wake.Write(binary.NativeEndian.AppendUint64(nil, 1))
	return err
}

func (w *waiter) close() error {
	err := w.epoll.Close()
	if w.wake != nil {
		err = errors.Join(err, w.wake.Close())
	}
	return err
}
