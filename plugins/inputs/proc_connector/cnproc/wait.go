package cnproc

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A waiter sleeps until a socket has something to read. It is an epoll(7) instance that the Go
// runtime's poller watches: a goroutine that sleeps there costs no thread of its own, and none
// of the runtime's looks after it, as would be with one in a system call. Sockets are in it as
// EPOLLONESHOT, so that what arrives while nobody waits wakes nobody.
type waiter struct {
	fd    int
	epoll *os.File
	conn  syscall.RawConn
	woken atomic.Bool

	// What look is given and returns: here, because it allocates nothing then.
	look  func(epoll uintptr) (done bool)
	event unix.EpollEvent
	ready [2]unix.EpollEvent
	n     int
	err   error
}

func newWaiter() (*waiter, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.SetNonblock(fd, true); err != nil { // or os.NewFile would not have it watched
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	w := &waiter{fd: fd, epoll: os.NewFile(uintptr(fd), "epoll")}
	w.look = func(epoll uintptr) bool {
		w.n, w.err = unix.EpollWait(int(epoll), w.ready[:], 0)
		return w.n > 0 || w.err != nil && !errors.Is(w.err, unix.EINTR)
	}
	if w.conn, err = w.epoll.SyscallConn(); err != nil {
		return nil, errors.Join(err, w.epoll.Close())
	}
	return w, nil
}

// add has the waiter know a socket.
func (w *waiter) add(fd int) error { return w.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLONESHOT) }

func (w *waiter) control(op, fd int, events uint32) error {
	w.event = unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.fd, op, fd, &w.event))
}

// wait returns when the socket has something to read (heard), when wake was called, or
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
	if w.woken.Swap(false) { // looked at after the deadline was set: see wake
		return false, nil
	}
	switch err = w.conn.Read(w.look); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.woken.Store(false)
		return false, nil
	case err != nil:
		return false, err
	case w.err != nil:
		return false, os.NewSyscallError("epoll_wait", w.err)
	}
	for _, e := range w.ready[:w.n] {
		switch {
		case int(e.Fd) != fd: // of an earlier wait
		case e.Events&unix.EPOLLIN != 0:
			heard = true
		default:
			// EPOLLERR or EPOLLHUP alone: wait would return at once, for ever.
			return false, fmt.Errorf("epoll_wait: %#x on the socket", e.Events)
		}
	}
	return heard, nil
}

// wake ends a wait, or the next one if there is none. It may be called at any time. The
// deadline follows the mark, so that one of the two reaches a wait that begins just now.
func (w *waiter) wake() error {
	w.woken.Store(true)
	if err := w.epoll.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return because(os.ErrClosed, err) // the only reason
	}
	return nil
}
