// Package output collects what a process writes, and lets tests wait for it.
package output

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrEnded is the answer to those who wait for what will not come any more.
var ErrEnded = errors.New("the process has ended")

// Output is an io.Writer for the standard output or error of a process. It may be
// used by several goroutines.
type Output struct {
	mu     sync.Mutex
	buf    []byte        // guarded by mu
	closed bool          // guarded by mu
	grown  chan struct{} // guarded by mu; closed and replaced when buf or closed changes
}

// New returns an Output that nothing was written to.
func New() *Output { return &Output{grown: make(chan struct{})} }

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	close(o.grown)
	o.grown = make(chan struct{})
	return len(p), nil
}

// End tells those who wait that nothing more will come.
func (o *Output) End() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	close(o.grown)
	o.grown = make(chan struct{})
}

// Len returns how many bytes were written so far.
func (o *Output) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf)
}

// Since returns what was written after the first from bytes.
func (o *Output) Since(from int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf[from:])
}

// Wait waits for the substring at or after the position from, and returns the
// position after it.
func (o *Output) Wait(from int, substring string, timeout time.Duration) (int, error) {
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
			return 0, ErrEnded
		}
		select {
		case <-grown:
		case <-expired:
			return 0, fmt.Errorf("not within %s", timeout)
		}
	}
}
