//go:build linux

package proc_connector

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A limiter bounds how many event metrics there are a second, by the times of
// the events: a backlog that is worked off in one go is not a storm.
type limiter struct {
	bucket  *rate.Limiter // nil: no limit
	latest  uint64
	dropped atomic.Uint64
}

func newLimiter(perSecond int) *limiter {
	if perSecond == 0 {
		return new(limiter)
	}
	return &limiter{bucket: rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// allow reports whether there may be a metric of an event at a time in
// nanoseconds of CLOCK_MONOTONIC. One that is refused is counted. Only the
// receiving thread calls it.
func (l *limiter) allow(timestamp uint64) bool {
	if l.bucket == nil {
		return true
	}
	// A time before the last would let the bucket fill up twice.
	l.latest = max(l.latest, timestamp)
	if l.bucket.AllowN(time.Unix(0, int64(l.latest)), 1) {
		return true
	}
	l.dropped.Add(1)
	return false
}

// limitInterval is how often it is logged that the limit bites.
const limitInterval = time.Minute

// A limitReport tells of a limiter that bites, now and then.
type limitReport struct {
	told uint64 // refused events of which was told
	at   time.Time
}

// due returns how many events were refused that nobody was told of, if it is
// time to tell.
func (r *limitReport) due(dropped uint64, now time.Time) uint64 {
	if dropped == r.told || !r.at.IsZero() && now.Sub(r.at) < limitInterval {
		return 0
	}
	n := dropped - r.told
	r.told, r.at = dropped, now
	return n
}
