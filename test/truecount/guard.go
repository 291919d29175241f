package truecount

import (
	"os"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
)

// settleTime is how long the count may take to return to what it was: a
// process that was told to stop, or killed, may still be on its way out.
const settleTime = time.Second

// Guard fails the test if it does not leave the listener count as it was when
// Guard was called. Call it first, so that its check comes after every other
// cleanup. Tests under guard run one after the other, as the count is the
// machine's: see Lock.
//
// Where the count cannot be read the test is skipped, unless the environment
// says CI=true: there a guard that does not guard is a failure.
func Guard(t testing.TB) {
	t.Helper()
	Lock(t)
	settle(t, func() (counter, error) { return Open() }, pace.Wait(settleTime))
}

// counter is the part of Reader that Guard needs.
type counter interface {
	Read() (int32, error)
	Close() error
}

func settle(t testing.TB, open func() (counter, error), limit time.Duration) {
	t.Helper()

	giveUp := t.Skipf
	if os.Getenv("CI") == "true" {
		giveUp = t.Fatalf
	}
	c, err := open()
	if err != nil {
		giveUp("The listener count is out of reach: %v", err)
		return
	}
	before, err := c.Read()
	if err != nil {
		c.Close()
		giveUp("The listener count is out of reach: %v", err)
		return
	}

	t.Cleanup(func() {
		t.Helper()
		defer c.Close()

		deadline := time.Now().Add(limit)
		for {
			after, err := c.Read()
			if err != nil {
				t.Errorf("Listener count was %d, and cannot be read again: %v", before, err)
				return
			}
			if after == before {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("Listener count was %d before the test and is %d after it", before, after)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}
