package procfs

import (
	"fmt"
	"io"
)

var errNoCmdline = fmt.Errorf("cmdline: %w", ErrGone)

// Cmdline reads the arguments of a process, each ended by a NUL, into buf as far as they
// fit, and returns how many bytes it read. It allocates nothing unless it fails.
//
// The error is ErrGone (errors.Is) when there is no command line: a zombie has no memory
// to read it from. A program that was started without any argument, which kernels before
// 5.18 allow, cannot be told from that.
func (fs *FS) Cmdline(pid int32, buf []byte) (int, error) {
	if len(buf) == 0 { // nothing read into nothing would look like a zombie
		return 0, fs.fail(pid, "cmdline", io.ErrShortBuffer)
	}
	n, err := fs.read(pid, "cmdline", buf)
	if err == nil && n == 0 {
		err = errNoCmdline
	}
	return n, err
}
