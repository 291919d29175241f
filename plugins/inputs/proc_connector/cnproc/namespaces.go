package cnproc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// The numbers of the host's namespaces.
//
// include/linux/proc_ns.h; since 6.17 in include/uapi/linux/nsfs.h
//
//	#define PROC_USER_INIT_INO 0xEFFFFFFDU
//	#define PROC_PID_INIT_INO 0xEFFFFFFCU
//	#define PROC_TIME_INIT_INO 0xEFFFFFFAU
const (
	hostUserNamespace uint32 = 0xEFFFFFFD
	hostPIDNamespace  uint32 = 0xEFFFFFFC
	hostTimeNamespace uint32 = 0xEFFFFFFA
)

// obstacle looks in proc for what makes the kernel drop or refuse requests of the calling
// thread: namespaces of its own, or no process events at all.
//
// drivers/connector/cn_proc.c drops requests from outside the host's pid and user namespace
// without an answer. /proc/net/connector is made for the host's network namespace only
// (drivers/connector/connector.c): where there is a connector without it, that is another.
func obstacle(proc string) error {
	self := filepath.Join(proc, "thread-self") // because namespaces belong to threads
	var foreign namespaceError
	registered, err := os.ReadFile(filepath.Join(self, "net", "connector"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = os.Stat(filepath.Join(self, "net")); err == nil {
			foreign = append(foreign, ErrNetworkNamespace)
		}
	} else if err == nil && !bytes.Contains(registered, []byte("cn_proc")) {
		return ErrNoProcEvents
	}
	pid, pidErr := os.Readlink(filepath.Join(self, "ns", "pid"))
	user, userErr := os.Readlink(filepath.Join(self, "ns", "user"))
	if err := errors.Join(err, pidErr, userErr); err != nil {
		return because(errUnknown, err)
	}
	if pid != fmt.Sprintf("pid:[%d]", hostPIDNamespace) {
		foreign = append(foreign, ErrPIDNamespace)
	}
	if user != fmt.Sprintf("user:[%d]", hostUserNamespace) {
		foreign = append(foreign, ErrUserNamespace)
	}
	if foreign == nil {
		return nil
	}
	return foreign
}

// timeOffset is by how much, in nanoseconds, CLOCK_MONOTONIC of this process is ahead of
// the host's. It is another one in a time namespace (time_namespaces(7)), which a process
// enters when it starts and never leaves.
var timeOffset = sync.OnceValues(func() (int64, error) { return readTimeOffset("/proc/self") })

func readTimeOffset(self string) (int64, error) {
	own, err := os.Readlink(filepath.Join(self, "ns", "time"))
	if errors.Is(err, fs.ErrNotExist) || own == fmt.Sprintf("time:[%d]", hostTimeNamespace) {
		return 0, nil // before Linux 5.6, without CONFIG_TIME_NS, or the host's
	}
	// The offsets that are listed are those of the namespace of children.
	children, childrenErr := os.Readlink(filepath.Join(self, "ns", "time_for_children"))
	offsets, offsetsErr := os.ReadFile(filepath.Join(self, "timens_offsets"))
	if err = errors.Join(err, childrenErr, offsetsErr); err == nil && children != own {
		err = errors.New("children are in another")
	}
	if err != nil {
		return 0, because(ErrTimeNamespace, err)
	}
	for line := range strings.Lines(string(offsets)) {
		var seconds, nanoseconds int64
		if n, _ := fmt.Sscanf(line, "monotonic %d %d", &seconds, &nanoseconds); n == 2 { //nolint:errcheck // n says it all
			return seconds*1_000_000_000 + nanoseconds, nil
		}
	}
	return 0, because(ErrTimeNamespace, fmt.Errorf("no offset in %q", offsets))
}
