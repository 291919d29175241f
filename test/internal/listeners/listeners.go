// Package listeners lets a test follow the kernel's listener count, relative to
// what it was when the test began.
package listeners

import (
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

// poll is how often the count, which nobody reports a change of, is looked at.
const poll = 2 * time.Millisecond

// Count is the kernel's listener count relative to what it was when the test
// began. The count is the machine's, so a value is waited for rather than read
// once: another program may come and go meanwhile.
//
// Its methods fail the test, so they must be called from that test's goroutine.
type Count struct {
	t      testing.TB
	reader *truecount.Reader
	before int32
}

// Guard is truecount.Guard for a test that also looks at the count on the way.
// It comes first in the test.
func Guard(t testing.TB) *Count {
	t.Helper()
	truecount.Guard(t)
	r, err := truecount.Open()
	if err != nil {
		t.Fatalf("The listener count is out of reach: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Closing the reader of the listener count: %v", err)
		}
	})
	c := &Count{t: t, reader: r}
	c.before = c.Above()
	return c
}

// Above returns by how much the count is above that of the beginning.
func (c *Count) Above() int32 {
	c.t.Helper()
	n, err := c.reader.Read()
	if err != nil {
		c.t.Fatalf("The listener count cannot be read: %v", err)
	}
	return n - c.before
}

// Require waits until the count is that much above the beginning.
func (c *Count) Require(want int32) {
	c.t.Helper()
	c.wait(want, pace.Wait(0))
}

// RequireWithin is Require for what is promised to be so that soon.
func (c *Count) RequireWithin(want int32, limit time.Duration) {
	c.t.Helper()
	c.wait(want, pace.Limit(limit))
}

func (c *Count) wait(want int32, limit time.Duration) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(poll) {
		got := c.Above()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("Listeners above the %d of the beginning are %d and not %d, for %s", c.before, got, want, limit)
		}
	}
}

// Silence takes from the count what others have added, as programs do that stop
// listening more than once: nobody on the machine hears anything then. Restore
// must follow.
func (c *Count) Silence() {
	c.t.Helper()
	c.set(-c.before)
}

// Restore brings the count to so much above the beginning, after Silence and what
// has been mended since.
func (c *Count) Restore(above int32) {
	c.t.Helper()
	c.set(above)
}

func (c *Count) set(above int32) {
	c.t.Helper()
	for {
		step := rawlisten.Raise
		switch now := c.Above(); {
		case now == above:
			return
		case now > above:
			step = rawlisten.Lower
		}
		if err := step(); err != nil {
			c.t.Fatalf("The listener count cannot be changed: %v", err)
		}
	}
}
