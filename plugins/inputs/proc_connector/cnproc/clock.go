package cnproc

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxClockError is how far, in nanoseconds, the wall-clock time of an event may be from
// the truth before the offset is set anew: the noise of measuring it must not put
// neighbouring events out of order.
const maxClockError = 100_000

// A clock turns the kernel's CLOCK_MONOTONIC timestamps into wall-clock time. The two
// drift apart (time synchronisation), are set apart (a step of the wall clock) and stop
// differently (while the machine is suspended), so the offset is measured with every batch.
type clock struct {
	read   func() (wall, monotonic int64) // of one moment, in nanoseconds
	offset int64                          // wall - monotonic
}

func newClock(read func() (wall, monotonic int64)) clock {
	wall, monotonic := read()
	return clock{read: read, offset: wall - monotonic}
}

// time returns the wall-clock time of a timestamp, within 0.1 ms unless that clock was set since.
func (c *clock) time(timestamp uint64) time.Time {
	return time.Unix(0, int64(timestamp)+c.offset)
}

// update takes over an offset that has changed noticeably. It returns CLOCK_MONOTONIC.
func (c *clock) update() int64 {
	wall, monotonic := c.read()
	offset := wall - monotonic
	if !near(offset, c.offset) {
		// It has changed, or this thread was interrupted between the two clocks. A change
		// is there the next time as well.
		wall, monotonic = c.read()
		if again := wall - monotonic; near(again, offset) {
			c.offset = again
		}
	}
	return monotonic
}

func near(a, b int64) bool { return a-b <= maxClockError && b-a <= maxClockError }

// hostClock returns a reader of the machine's clocks. One time.Now gives both without a
// system call, but Go counts its monotonic time from an origin of its own. That is
// compared with CLOCK_MONOTONIC once: the best of a few tries was not interrupted.
var hostClock = sync.OnceValue(func() func() (wall, monotonic int64) {
	const attempts = 5
	var (
		origin   time.Time
		originNS int64
		best     time.Duration
	)
	for i := range attempts {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			panic(err) // cannot happen: every kernel has this clock
		}
		if d := time.Since(before); i == 0 || d < best {
			best, origin, originNS = d, before, int64(EventTime(uint64(ts.Nano())))-d.Nanoseconds()/2
		}
	}
	return func() (wall, monotonic int64) {
		now := time.Now()
		return now.UnixNano(), originNS + now.Sub(origin).Nanoseconds()
	}
})

// Monotonic is the time that an event of now would have as its Timestamp.
func Monotonic() uint64 {
	_, monotonic := hostClock()()
	return uint64(monotonic)
}

// EventTime turns a reading of CLOCK_MONOTONIC, in nanoseconds, into the Timestamp that an
// event of that moment would have. They differ in a time namespace.
func EventTime(monotonic uint64) uint64 {
	offset, err := timeOffset()
	if err != nil {
		return monotonic // no session is opened then
	}
	return monotonic - uint64(offset) // right for a negative one, too
}
