package cnproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// include/linux/proc_ns.h; since 6.17 in include/uapi/linux/nsfs.h
//
//	#define PROC_TIME_INIT_INO 0xEFFFFFFAU
const procTimeInitIno = 0xEFFFFFFA

// timeOffset is by how much, in nanoseconds, CLOCK_MONOTONIC of this process is
// ahead of the one of which the timestamps of events are. They differ in a time
// namespace (time_namespaces(7)), which a process enters when it starts and never
// leaves.
var timeOffset = sync.OnceValues(func() (int64, error) { return readTimeOffset("/proc") })

func readTimeOffset(proc string) (int64, error) {
	self := filepath.Join(proc, "self")
	own, err := os.Readlink(filepath.Join(self, "ns", "time"))
	switch {
	case errors.Is(err, fs.ErrNotExist): // before Linux 5.6, or without CONFIG_TIME_NS
		return 0, nil
	case err != nil:
		return 0, because(ErrTimeNamespace, err)
	case own == fmt.Sprintf("time:[%d]", uint32(procTimeInitIno)):
		return 0, nil
	}
	// The offsets that are listed are those of the namespace of children.
	children, err := os.Readlink(filepath.Join(self, "ns", "time_for_children"))
	if err == nil && children != own {
		err = errors.New("children are in another")
	}
	var offsets []byte
	if err == nil {
		offsets, err = os.ReadFile(filepath.Join(self, "timens_offsets"))
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

// EventTime turns a reading of CLOCK_MONOTONIC, in nanoseconds, into the time that
// an event of that moment would have as its Timestamp.
func EventTime(monotonic uint64) uint64 {
	offset, err := timeOffset()
	if err != nil {
		return monotonic // no session is opened then
	}
	return monotonic - uint64(offset) // right for a negative one, too
}

// monotonicNow returns the time that an event of now would have.
func monotonicNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // cannot happen: every kernel has this clock
	}
	return int64(EventTime(uint64(ts.Nano())))
}
