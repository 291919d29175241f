// Package peer is what the receivers that are built on other people's libraries
// have in common. They are as small as a program can be that counts events, and
// reads the command line of each program that is started.
package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// Kinds of events, enum proc_cn_event of include/uapi/linux/cn_proc.h, by the
// names that the benchmark has for them.
var Kinds = map[uint32]string{
	0x00000001: "fork",
	0x00000002: "exec",
	0x00000200: "comm",
	0x80000000: "exit",
}

// Offsets in a message: of proc_event, behind struct cn_msg, and of the first
// process id, behind the header of proc_event.
const (
	eventAt = 20
	pidAt   = eventAt + 16
)

// A Tally counts events.
type Tally struct {
	mu     sync.Mutex
	counts map[string]int
	out    bytes.Buffer
}

// Message counts an event as the kernel sends it, without its netlink header.
func (t *Tally) Message(b []byte) {
	if len(b) < pidAt+4 {
		return
	}
	t.Event(binary.NativeEndian.Uint32(b[eventAt:]), binary.NativeEndian.Uint32(b[pidAt:]))
}

// Event counts an event of a process. For an exec it reads and prints the command
// line, if that is still there.
func (t *Tally) Event(what, pid uint32) {
	kind, ok := Kinds[what]
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]int)
	}
	t.counts[kind]++
	if kind != "exec" {
		return
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && len(line) > 0 {
		fmt.Fprintf(&t.out, "cmdline %s\n", bytes.ReplaceAll(bytes.TrimRight(line, "\x00"), []byte{0}, []byte{' '}))
	}
}

// Stopped notes why nothing more will be received.
func (t *Tally) Stopped(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.out, "stopped %v\n", err)
}

// Wait waits for SIGTERM, runs the function, and prints what there was.
func (t *Tally) Wait(end func() error) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
	if err := end(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Fprintf(&t.out, "mallocs %d\n", stats.Mallocs)
	for _, kind := range slices.Sorted(maps.Keys(t.counts)) {
		fmt.Fprintf(&t.out, "%s %d\n", kind, t.counts[kind])
	}
	_, err := t.out.WriteTo(os.Stdout)
	return err
}
