package procfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// namesAtATime bounds the memory that a machine with very many processes takes.
const namesAtATime = 512

// PIDs calls yield for each process until it returns false. It is no snapshot: processes
// come and go while it runs. yield may use fs.
func (fs *FS) PIDs(yield func(pid int32) bool) error {
	fd, err := openat(fs.dir(), []byte(".\x00"))
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	dir := os.NewFile(uintptr(fd), "proc mount")
	defer dir.Close()

	for {
		names, err := dir.Readdirnames(namesAtATime)
		for _, name := range names {
			// The kernel writes no number with a zero in front, and there is no process 0.
			if pid, err := strconv.ParseUint(name, 10, 31); err == nil && name[0] != '0' && !yield(int32(pid)) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing processes: %w", err)
		}
	}
}
