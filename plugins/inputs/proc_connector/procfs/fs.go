package procfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

// ErrGone means that the process ended before it could be read. errors.Is holds for it
// when the kernel says ENOENT or ESRCH, and when a command line is empty.
//
// Three living things look the same to the kernel: a kernel thread has neither command
// line nor program, nor has a process whose first thread ended before the others, and a
// mount with hidepid=2 hides other users' processes. Stat tells the first two from a
// process that is really gone.
var ErrGone = errors.New("process has ended")

const (
	// maxPath holds the longest relative path, "-2147483648/cmdline" and a NUL.
	maxPath = 32

	// maxFile caps what is read of a file. The longest is cgroup: a dozen version 1
	// hierarchies with Kubernetes paths take about 4 KiB. The kernel cuts a link's target
	// at 4 KiB itself.
	maxFile = 16 << 10
)

// FS reads one proc mount. It owns its buffers and so is not safe for concurrent use.
type FS struct {
	mount *os.File
	own   bool // its processes are those that system calls know
	path  [maxPath]byte
	buf   [maxFile]byte
	gone  [2]memo.Memo[error] // by file
}

// Open returns an FS that reads the proc mount at mountPoint, usually "/proc".
func Open(mountPoint string) (*FS, error) {
	fd, err := openDir(mountPoint)
	if err != nil {
		return nil, fmt.Errorf("proc mount %q: %w", mountPoint, err)
	}
	fs := &FS{mount: os.NewFile(uintptr(fd), mountPoint)}
	n, err := readlinkat(fd, "self", fs.buf[:])
	fs.own = err == nil && string(fs.buf[:n]) == strconv.Itoa(os.Getpid())
	return fs, nil
}

// Unused reports whether it is certain that no process has the id, which costs a fraction
// of a look at its files.
func (fs *FS) Unused(pid int32) bool { return fs.own && unused(pid) }

// Close gives the mount's descriptor back. Closing twice returns os.ErrClosed.
func (fs *FS) Close() error { return fs.mount.Close() }

// dir returns the descriptor of the mount, -1 once it is closed.
func (fs *FS) dir() int { return int(fs.mount.Fd()) }

// read fills buf from one of a process's files.
func (fs *FS) read(pid int32, file string, buf []byte) (int, error) {
	n, err := readFile(fs.dir(), fs.relative(pid, file), buf)
	if err != nil {
		return 0, fs.fail(pid, file, err)
	}
	return n, nil
}

// relative returns "PID/file" with the NUL that ends a C string. It is valid until the
// next call.
func (fs *FS) relative(pid int32, file string) []byte {
	path := strconv.AppendInt(fs.path[:0], int64(pid), 10)
	path = append(append(path, '/'), file...)
	return append(path, 0)
}

// fail names the file in an error, and the process unless it has ended: that happens all the
// time, also to callers that must not allocate, so those errors are made once.
func (fs *FS) fail(pid int32, file string, err error) error {
	for i, errno := range [...]syscall.Errno{syscall.ENOENT, syscall.ESRCH} {
		if errors.Is(err, errno) {
			return fs.gone[i].Get([]byte(file), func(string) error {
				return fmt.Errorf("%s: %w: %w", file, ErrGone, errno)
			})
		}
	}
	return fmt.Errorf("%d/%s: %w", pid, file, err)
}
