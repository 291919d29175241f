package cnproc

import (
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

func TestHostClock(t *testing.T) {
	c := newClock(hostClock())
	before := monotonicNow()
	now := c.monotonic()
	after := monotonicNow()
	// The origin was compared once, within the duration of a system call.
	const slack = int64(50 * time.Microsecond)
	require.GreaterOrEqual(t, now, before-slack)
	require.LessOrEqual(t, now, after+slack)
	require.WithinDuration(t, time.Now(), c.time(uint64(monotonicNow())), time.Millisecond)
}
