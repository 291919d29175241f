package cnproc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// include/linux/proc_ns.h; since 6.17 in include/uapi/linux/nsfs.h
	//	#define PROC_USER_INIT_INO 0xEFFFFFFDU
	//	#define PROC_PID_INIT_INO 0xEFFFFFFCU
	procUserInitIno = 0xEFFFFFFD
	procPIDInitIno  = 0xEFFFFFFC
)

// obstacle looks in proc for what makes the kernel drop or refuse requests of
// the calling thread: namespaces of its own, or no process events at all.
//
// drivers/connector/cn_proc.c drops requests from outside the first pid and
// user namespace without an answer. /proc/net/connector is made for the first
// network namespace only (drivers/connector/connector.c), so where a connector
// socket can be made and the file is missing, the namespace is another.
func obstacle(proc string) error {
	// thread-self, because namespaces belong to threads.
	self := filepath.Join(proc, "thread-self")

	var foreign namespaceError
	registered, err := os.ReadFile(filepath.Join(self, "net", "connector"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(self, "net")); err != nil {
			return fmt.Errorf("%w: %w", errUnknown, err)
		}
		foreign = append(foreign, ErrNetworkNamespace)
	case err != nil:
		return fmt.Errorf("%w: %w", errUnknown, err)
	case !bytes.Contains(registered, []byte("cn_proc")):
		return ErrNoProcEvents
	}

	for _, ns := range []struct {
		name  string
		inode uint64
		err   error
	}{
		{name: "pid", inode: procPIDInitIno, err: ErrPIDNamespace},
		{name: "user", inode: procUserInitIno, err: ErrUserNamespace},
	} {
		link, err := os.Readlink(filepath.Join(self, "ns", ns.name))
		if err != nil {
			return fmt.Errorf("%w: %w", errUnknown, err)
		}
		if link != fmt.Sprintf("%s:[%d]", ns.name, ns.inode) {
			foreign = append(foreign, ns.err)
		}
	}
	if len(foreign) > 0 {
		return foreign
	}
	return nil
}
