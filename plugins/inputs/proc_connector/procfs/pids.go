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

// PIDs calls yield for each process until it returns false. It is no snapshot:
// processes come and go while it runs. yield may use fs.
func (fs *FS) PIDs(yield func(pid int32) bool) error {
	fd, err := openat(fs.dir, []byte(".\x00"))
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	dir := os.NewFile(uintptr(fd), "proc mount")
	defer dir.Close()

	for {
		names, err := dir.Readdirnames(namesAtATime)
		for _, name := range names {
			if pid, ok := parsePID(name); ok && !yield(pid) {
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

func parsePID(name string) (int32, bool) {
	// ParseInt takes signs and leading zeros as well.
	if name == "" || name[0] < '1' || name[0] > '9' {
		return 0, false
	}
	pid, err := strconv.ParseInt(name, 10, 32)
	return int32(pid), err == nil
}
