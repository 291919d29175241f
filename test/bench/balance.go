package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

const (
	// poll is how often a condition that nobody reports is looked at.
	poll = 5 * time.Millisecond
	// settleTime is how long the count may take to be what it was. A receiver that
	// has ended has sent all that it ever will.
	settleTime = 200 * time.Millisecond
	// strangerTime is how long another program that listens may stay.
	strangerTime = 30 * time.Second
)

// A balance keeps the kernel's count of listeners, which several receivers leave
// too high, as it was.
type balance struct {
	reader *truecount.Reader
	before int32
}

func newBalance() (*balance, error) {
	reader, err := truecount.Open()
	if err != nil {
		return nil, fmt.Errorf("the benchmark reads how many listeners the kernel counts: %w", err)
	}
	b := &balance{reader: reader}
	b.before, err = reader.Read()
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	if b.before < 0 {
		err := fmt.Errorf("the kernel's count of listeners is %d: run telegraf-proc-connector doctor --repair first", b.before)
		return nil, errors.Join(err, reader.Close())
	}
	return b, nil
}

func (b *balance) close() error { return b.reader.Close() }

// await waits until the count is that much above the beginning, and reports
// whether it was.
func (b *balance) await(above int32, limit time.Duration) (bool, error) {
	for deadline := time.Now().Add(limit); ; time.Sleep(poll) {
		n, err := b.reader.Read()
		if err != nil {
			return false, err
		}
		if n-b.before == above || time.Now().After(deadline) {
			return n-b.before == above, nil
		}
	}
}

// restore takes back what a receiver has left, and returns how much that was. What
// else listens may come and go, but not stay: a count that is too high for any other
// reason stays as it is, as too low would make others deaf.
func (b *balance) restore(members int) (left int32, err error) {
	if ok, err := b.await(0, settleTime); ok || err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(strangerTime); ; time.Sleep(poll) {
		n, err := b.reader.Read()
		if err != nil {
			return 0, err
		}
		now, err := rawlisten.Members()
		if err != nil {
			return 0, err
		}
		left = n - b.before
		switch {
		case left == 0:
			return 0, nil
		case left == 1 && now == members:
			return left, rawlisten.Lower()
		case time.Now().After(deadline):
			return left, fmt.Errorf("the kernel's count of listeners was %d with %d members of the connector's group, and is %d with %d: "+
				"run the benchmark without other programs that listen", b.before, members, n, now)
		}
	}
}
