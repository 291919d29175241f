package telegraf

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

var errEnded = errors.New("the agent has ended")

// output collects what a process writes, and lets others wait for it.
type output struct {
	mu     sync.Mutex
	buf    []byte        // guarded by mu
	closed bool          // guarded by mu
	grown  chan struct{} // guarded by mu; closed and replaced when buf or closed changes
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	close(o.grown)
	o.grown = make(chan struct{})
	return len(p), nil
}

// close tells those who wait that nothing more will come.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	close(o.grown)
	o.grown = make(chan struct{})
}

func (o *output) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf)
}

func (o *output) since(from int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf[from:])
}

// wait waits for the substring at or after the position from, and returns the
// position after it.
func (o *output) wait(from int, substring string, timeout time.Duration) (int, error) {
	expired := time.After(timeout)
	for {
		o.mu.Lock()
		at := bytes.Index(o.buf[from:], []byte(substring))
		closed, grown := o.closed, o.grown
		o.mu.Unlock()

		switch {
		case at >= 0:
			return from + at + len(substring), nil
		case closed:
			return 0, errEnded
		}
		select {
		case <-grown:
		case <-expired:
			return 0, fmt.Errorf("not within %s", timeout)
		}
	}
}
