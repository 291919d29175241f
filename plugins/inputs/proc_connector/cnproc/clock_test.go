package cnproc

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted returns a clock reader whose offset is, from one reading to the next,
// what the script says; the last one stays.
func scripted(offsets ...time.Duration) func() (wall, monotonic int64) {
	var now int64
	return func() (wall, monotonic int64) {
		offset := offsets[0]
		if len(offsets) > 1 {
			offsets = offsets[1:]
		}
		now += 1000
		return now + offset.Nanoseconds(), now
	}
}

func TestClockOffset(t *testing.T) {
	tests := map[string]struct {
		script []time.Duration // the first is the offset at the start
		want   time.Duration
	}{
		"noise leaves the order of events alone": {script: []time.Duration{time.Hour, time.Hour + 50*time.Microsecond}, want: time.Hour},
		"the bound itself is noise":              {script: []time.Duration{time.Hour, time.Hour - 100*time.Microsecond}, want: time.Hour},
		"drift beyond the bound is followed": {
			script: []time.Duration{time.Hour, time.Hour + 101*time.Microsecond},
			want:   time.Hour + 101*time.Microsecond,
		},
		"a step forward (suspend) is followed":    {script: []time.Duration{0, 8 * time.Hour}, want: 8 * time.Hour},
		"a step back is followed":                 {script: []time.Duration{time.Hour, -time.Hour}, want: -time.Hour},
		"an interrupted reading is not believed":  {script: []time.Duration{time.Hour, time.Hour + 5*time.Millisecond, time.Hour}, want: time.Hour},
		"two interrupted readings are not either": {script: []time.Duration{0, 5 * time.Millisecond, 9 * time.Millisecond, 0}, want: 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClock(scripted(tt.script...))
			c.update()
			require.Equal(t, tt.want, time.Duration(c.offset))
			require.Equal(t, time.Unix(0, 0).Add(tt.want+time.Second), c.time(uint64(time.Second)))
		})
	}
}

// The clock's origin is compared once, with the best of a few tries, so that its
// error is not more than the shortest time between two readings: on a busy machine
// that may be long, but another clock is then better.
func TestHostClock(t *testing.T) {
	const slack, tries = 50 * time.Microsecond, 100
	errs := make([]error, 0, tries)
	for range tries {
		err := func() error {
			c := newClock(hostClock())
			beforeNS := int64(Monotonic())
			_, now := c.read()
			afterNS := int64(Monotonic())
			if now < beforeNS-slack.Nanoseconds() || now > afterNS+slack.Nanoseconds() {
				return fmt.Errorf("%d is not between %d and %d", now, beforeNS, afterNS)
			}
			before := time.Now()
			wall := c.time(Monotonic())
			after := time.Now()
			if wall.Before(before.Add(-slack)) || wall.After(after.Add(slack)) {
				return fmt.Errorf("%v is not between %v and %v", wall, before, after)
			}
			return nil
		}()
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	require.NoError(t, errors.Join(errs...))
}
