package procfs

import (
	"fmt"
	"io"
)

var errNoCmdline = fmt.Errorf("cmdline: %w", ErrGone)

// Cmdline reads the arguments of a process into buf as the kernel has them,
// each ended by a NUL, and returns how many bytes it read. What does not fit
// into buf is left out. It allocates nothing unless it fails.
//
// The error is ErrGone (errors.Is) when there is no command line: a zombie has
// no memory to read it from. A program that was started without any argument,
// which kernels before 5.18 allow, cannot be told from that.
func (fs *FS) Cmdline(pid int32, buf []byte) (int, error) {
	// Nothing read into nothing would look like a zombie.
	if len(buf) == 0 {
		return 0, fail(pid, "cmdline", io.ErrShortBuffer)
	}
	n, err := fs.read(pid, "cmdline", buf)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errNoCmdline
	}
	return n, nil
}
