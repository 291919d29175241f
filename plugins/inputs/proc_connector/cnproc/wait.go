package cnproc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A waiter sleeps until a socket has something to read. It is an epoll(7) instance that the Go
// runtime's poller watches: a goroutine that sleeps there costs no thread of its own. Sockets
// are in it as EPOLLONESHOT, so that what arrives while nobody waits wakes nobody. Time limits
// are a timerfd(2) in it, and its system calls are bare ones, since the runtime's monitor
// thread runs for each timer, and for each call that may block.
type waiter struct {
	fd, timer int
	epoll     *os.File
	conn      syscall.RawConn
	limited   bool // the timer runs, or has expired

	// What look is given and returns: here, because it allocates nothing then.
	look  func(epoll uintptr) (done bool)
	event unix.EpollEvent
	ready [3]unix.EpollEvent
	n     int
	errno syscall.Errno
}

func newWaiter() (_ *waiter, err error) {
	w := &waiter{timer: -1}
	if w.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(w.fd, true); err != nil { // or os.NewFile would not have it watched
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(w.fd))
	}
	w.epoll = os.NewFile(uintptr(w.fd), "epoll")
	w.look = func(epoll uintptr) bool {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&w.ready)), uintptr(len(w.ready)), 0, 0, 0)
		w.n, w.errno = int(n), errno
		return errno != 0 && errno != unix.EINTR || errno == 0 && n > 0
	}
	if w.conn, err = w.epoll.SyscallConn(); err == nil {
		w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
		err = os.NewSyscallError("timerfd_create", err)
	}
	if err == nil {
		err = w.control(unix.EPOLL_CTL_ADD, w.timer, unix.EPOLLIN)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// add has the waiter know a socket.
func (w *waiter) add(fd int) error { return w.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLONESHOT) }

func (w *waiter) control(op, fd int, events uint32) error {
	w.event = unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.fd, op, fd, &w.event))
}

// limit has the next wait end after a time, or never if that is negative.
func (w *waiter) limit(d time.Duration) error {
	if d < 0 && !w.limited {
		return nil
	}
	var once unix.ItimerSpec // the zero value stops the timer
	if w.limited = d >= 0; w.limited {
		once.Value = unix.NsecToTimespec(max(1, d.Nanoseconds()))
	}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(w.timer, 0, &once, nil))
}

// wait returns when the socket has something to read (heard), when wake was called, or
// after the time limit, unless that is negative.
func (w *waiter) wait(fd int, limit time.Duration) (heard bool, err error) {
	if err := errors.Join(w.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN|unix.EPOLLONESHOT), w.limit(limit)); err != nil {
		return false, err
	}
	switch err = w.conn.Read(w.look); {
	case errors.Is(err, os.ErrDeadlineExceeded): // see wake
		return false, w.epoll.SetReadDeadline(time.Time{})
	case err != nil:
		return false, err
	case w.errno != 0:
		return false, os.NewSyscallError("epoll_pwait", w.errno)
	}
	for _, e := range w.ready[:w.n] {
		switch {
		case int(e.Fd) != fd: // of an earlier wait, or the timer
		case e.Events&unix.EPOLLIN != 0:
			heard = true
		default:
			// EPOLLERR or EPOLLHUP alone: wait would return at once, for ever.
			return false, fmt.Errorf("epoll_pwait: %#x on the socket", e.Events)
		}
	}
	return heard, nil
}

// wake ends a wait, or the next one if there is none. It may be called at any time.
func (w *waiter) wake() error {
	if err := w.epoll.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return because(os.ErrClosed, err) // the only reason
	}
	return nil
}

func (w *waiter) close() error {
	err := w.epoll.Close()
	if w.timer >= 0 {
		err = errors.Join(err, os.NewSyscallError("close", unix.Close(w.timer)))
	}
	return err
}
