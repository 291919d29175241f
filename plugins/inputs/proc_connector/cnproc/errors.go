package cnproc

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The reasons why this machine or this process cannot be listened to. Open returns them
// inside an *OpError, and errors.Is holds for them and for the error number behind them.
var (
	ErrNoConnector      = errors.New("this kernel has no connector")
	ErrNoProcEvents     = errors.New("this kernel reports no process events: there is no cn_proc in /proc/net/connector")
	ErrNetlinkDenied    = errors.New("netlink sockets are forbidden to this process")
	ErrOldKernel        = errors.New("this kernel does not tell how many events were lost (SO_MEMINFO)") // before 4.12
	ErrTimeNamespace    = errors.New("in a time namespace whose offset cannot be found out")
	ErrNetworkNamespace = errors.New("in a network namespace of its own") // the host's is the only one with a connector
	ErrPIDNamespace     = errors.New("in a pid namespace of its own")     // requests from there are dropped without a word
	ErrUserNamespace    = errors.New("in a user namespace of its own")    // and from there
	ErrPermission       = errors.New("not permitted to listen: before Linux 6.6 that needs CAP_NET_ADMIN")
	ErrUnanswered       = errors.New("the kernel did not acknowledge LISTEN, and why cannot be told because /proc cannot be read")
	ErrRefused          = errors.New("the kernel refused LISTEN") // with an error number other than EPERM
)

var (
	// ErrProcSubset is why no lease can be kept where proc is mounted with subset=pid.
	ErrProcSubset = errors.New("/proc shows nothing but processes: set ProcSubset=all in the systemd unit (mount option subset=pid)")
	// ErrSilenced is for callers to say that Check found the connector silenced.
	ErrSilenced = errors.New("the process connector is silenced")
	// ErrClosed is returned by Read and Check on a session that was closed.
	ErrClosed = errors.New("session is closed")
	// ErrMalformed is what Decode returns for bytes that are no message of the connector.
	ErrMalformed = errors.New("malformed message")
)

// Made once, because Decode runs for every event.
var (
	errShort   = fmt.Errorf("%w: cut short", ErrMalformed)
	errLength  = fmt.Errorf("%w: its lengths contradict each other", ErrMalformed)
	errForeign = fmt.Errorf("%w: not from the process connector", ErrMalformed)
)

// An OpError says at which step the process connector failed.
type OpError struct {
	Op  string // "dial", "attach filter", "size buffer", "read drop counter", "join", "listen", "check", "read", "ignore", "close"
	Err error
}

func (e *OpError) Error() string { return "process connector: " + e.Op + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OpError) Unwrap() error { return e.Err }

// at is the error of a step; nil stays nil.
func at(op string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{Op: op, Err: err}
}

// A LeaseError says that no lease is kept. The session is of use all the same.
type LeaseError struct {
	Dir string // Config.StateDirectory
	Err error
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("no lease can be kept in %s, so if this program is killed the kernel's listener count stays one too high: %v", e.Dir, e.Err)
}

// Unwrap returns the reason.
func (e *LeaseError) Unwrap() error { return e.Err }

// because joins a reason with the error that showed it; errors.Is holds for both.
func because(reason, err error) error { return fmt.Errorf("%w: %w", reason, err) }

// A namespaceError names all namespaces that are in the way at once.
type namespaceError []error

func (e namespaceError) Error() string {
	names := make([]string, 0, len(e))
	for _, err := range e {
		names = append(names, map[error]string{ErrNetworkNamespace: "network", ErrPIDNamespace: "pid", ErrUserNamespace: "user"}[err])
	}
	last := len(names) - 1
	which := names[last] + " namespace"
	if last > 0 {
		which = strings.Join(names[:last], ", ") + " and " + which + "s"
	}
	return "this process is not in the host's " + which + ", and the kernel answers nowhere else"
}

// Unwrap makes errors.Is hold for each of the namespaces.
func (e namespaceError) Unwrap() []error { return e }

// explain joins an error with the reason behind its number, if that is known.
func explain(err error, reasons map[unix.Errno]error) error {
	for errno, reason := range reasons {
		if errors.Is(err, errno) {
			return because(reason, err)
		}
	}
	return err
}

// dialError is why there is no socket. The kernel itself lets everybody make one.
func dialError(err error) error {
	return explain(err, map[unix.Errno]error{
		unix.EPROTONOSUPPORT: ErrNoConnector,
		unix.EAFNOSUPPORT:    ErrNetlinkDenied, unix.EPERM: ErrNetlinkDenied, unix.EACCES: ErrNetlinkDenied,
	})
}

func permission(err error) error {
	return explain(err, map[unix.Errno]error{unix.EPERM: ErrPermission, unix.EACCES: ErrPermission})
}

func dropsError(errno unix.Errno) error {
	return explain(os.NewSyscallError("getsockopt", errno), map[unix.Errno]error{unix.ENOPROTOOPT: ErrOldKernel})
}

// refusal is the error for the error number of an acknowledgement.
func refusal(errno uint32) error {
	if unix.Errno(errno) == unix.EPERM {
		return because(ErrPermission, unix.EPERM)
	}
	return because(ErrRefused, unix.Errno(errno))
}
