package cnproc

import (
	"errors"
	"fmt"
	"strings"
)

// The reasons why this machine or this process cannot be listened to. Each
// text says what to do about it. Open returns them inside an *OpError, and
// errors.Is holds for them and for the error number behind them.
var (
	// ErrNoConnector means that socket(2) does not know NETLINK_CONNECTOR.
	ErrNoConnector = errors.New("this kernel has no connector: boot one that is built with CONFIG_CONNECTOR and CONFIG_PROC_EVENTS")

	// ErrNoProcEvents means that nothing in the kernel answers on the
	// connector's process group.
	ErrNoProcEvents = errors.New("this kernel reports no process events (no cn_proc in /proc/net/connector): " +
		"boot one that is built with CONFIG_PROC_EVENTS")

	// ErrNetlinkDenied means that this process may not make netlink sockets at all.
	ErrNetlinkDenied = errors.New("netlink sockets are forbidden to this process: let RestrictAddressFamilies= of its systemd unit name AF_NETLINK, " +
		"or whatever else restricts it (seccomp, AppArmor, SELinux) permit socket(AF_NETLINK)")

	// ErrOldKernel means that the kernel does not tell how many events a socket has
	// lost.
	ErrOldKernel = errors.New("this kernel does not tell how many events were lost (SO_MEMINFO): boot Linux 4.12 or later")

	// ErrTimeNamespace means that the time of events cannot be told.
	ErrTimeNamespace = errors.New("in a time namespace whose offset cannot be found out, so that the time of events is not known: " +
		"run this program in the host's time namespace")

	// ErrProcSubset means that proc shows processes and nothing else.
	ErrProcSubset = errors.New("/proc shows nothing but processes: set ProcSubset=all in the systemd unit (mount option subset=pid)")

	// ErrNetworkNamespace means that this process is not in the host's network
	// namespace, the only one with a connector.
	ErrNetworkNamespace = errors.New("in a network namespace of its own")

	// ErrPIDNamespace means that this process is not in the host's pid
	// namespace: the kernel drops its requests without a word.
	ErrPIDNamespace = errors.New("in a pid namespace of its own")

	// ErrUserNamespace is the same for the user namespace.
	ErrUserNamespace = errors.New("in a user namespace of its own")

	// ErrPermission means that the kernel wants CAP_NET_ADMIN. From Linux 6.6
	// on it does not.
	ErrPermission = errors.New("not permitted to listen: before Linux 6.6 that needs CAP_NET_ADMIN " +
		"(run as root, or `setcap cap_net_admin+ep` on the program)")

	// ErrSilenced means that the kernel counts this session and still reports
	// nothing: its count of listeners is below one.
	ErrSilenced = errors.New("the process connector is silenced: some program, or from Linux 6.6 on any user, has sent the kernel an IGNORE too many, " +
		"and until further LISTENs bring the kernel's listener count up again nobody on this machine hears anything")

	// ErrUnanswered means that LISTEN was not acknowledged and /proc could not
	// be read to find out why.
	ErrUnanswered = errors.New("LISTEN was not acknowledged, and the reason cannot be told because /proc cannot be read: " +
		"mount it, and see that this process is in the host's pid and user namespaces")

	// ErrRefused means that the kernel answered LISTEN with an error number
	// other than EPERM.
	ErrRefused = errors.New("the kernel refused LISTEN")

	// ErrClosed is returned by Read and Check on a session that was closed.
	ErrClosed = errors.New("session is closed")

	// ErrMalformed is what Decode returns for bytes that are no message of the
	// process connector.
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
	Op  string // "dial", "attach filter", "size buffer", "read drop counter", "join", "listen", "check", "receive", "ignore", "close"
	Err error
}

func (e *OpError) Error() string { return "process connector: " + e.Op + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OpError) Unwrap() error { return e.Err }

// A LeaseError says that leases cannot be kept. Nothing else is the worse for it.
type LeaseError struct {
	Dir string // the state directory
	Err error
}

func (e *LeaseError) Error() string {
	advice := " (a folder that only this user can write to will do)"
	if errors.Is(e.Err, ErrProcSubset) {
		advice = ""
	}
	return fmt.Sprintf("no lease can be kept in %s, so if this program is killed the kernel's listener count stays one too high: %v%s", e.Dir, e.Err, advice)
}

// Unwrap returns the reason.
func (e *LeaseError) Unwrap() error { return e.Err }

// because joins a reason with the error that showed it; errors.Is holds for
// both.
func because(reason, err error) error { return fmt.Errorf("%w: %w", reason, err) }

// namespaceError is one message for all namespaces that are in the way, so that
// whoever mends a container does it once.
type namespaceError []error

func (e namespaceError) Error() string {
	of := map[error][3]string{
		ErrNetworkNamespace: {"network", "--network=host", "hostNetwork: true"},
		ErrPIDNamespace:     {"pid", "--pid=host", "hostPID: true"},
		ErrUserNamespace:    {"user", "--userns=host", "hostUsers: true"},
	}
	names := make([]string, 0, len(e))
	flags := make([]string, 0, len(e))
	fields := make([]string, 0, len(e))
	for _, err := range e {
		names = append(names, of[err][0])
		flags = append(flags, of[err][1])
		fields = append(fields, of[err][2])
	}
	last := len(names) - 1
	which := names[last] + " namespace"
	if last > 0 {
		which = strings.Join(names[:last], ", ") + " and " + which + "s"
	}
	return fmt.Sprintf("this process is not in the host's %s, and the kernel answers nowhere else: run it there (container: %s; Kubernetes: %s)",
		which, strings.Join(flags, " "), strings.Join(fields, ", "))
}

// Unwrap makes errors.Is hold for each of the namespaces.
func (e namespaceError) Unwrap() []error { return e }
