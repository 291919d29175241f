package cnproc

import (
	"errors"

	"golang.org/x/net/bpf"
)

// A probe is a member of the group that hears nothing but canaries: renamings
// of this process's own threads, which the kernel reports inside the system call
// that renames. So it can say at once, at any time and in any goroutine, whether
// the kernel reports anything to anybody; and having a queue of its own, it is
// not misled by one that is full of other events.
type probe struct {
	sys  system
	sock socket
}

func openProbe(sys system) (*probe, error) {
	sock, err := sys.dialPassive()
	if err != nil {
		return nil, err
	}
	filter, err := bpf.Assemble(canaryFilter(ownPID()))
	if err == nil {
		err = sock.setFilter(filter)
	}
	if err == nil {
		_, err = sock.join()
	}
	if err != nil {
		return nil, errors.Join(err, sock.close())
	}
	return &probe{sys: sys, sock: sock}, nil
}

// hears reports whether a canary is heard.
func hears(sys system) (bool, error) {
	p, err := openProbe(sys)
	if err != nil {
		return false, err
	}
	heard, err := p.heard()
	return heard, errors.Join(err, p.close())
}

// canaries is how many are sent when the queue has no room for them, or the kernel
// no memory.
const canaries = 10

// heard sends a canary and reports whether it came back. When it does not, although
// nothing was dropped, the kernel's count of listeners is below one, and the machine
// is deaf.
func (p *probe) heard() (bool, error) {
	for range canaries {
		// Earlier canaries of this process prove nothing.
		if _, err := p.take(Task{}); err != nil {
			return false, err
		}
		before, err := p.sock.drops()
		if err != nil {
			return false, err
		}
		task, err := p.sys.rename()
		if err != nil {
			return false, err
		}
		if found, err := p.take(task); found || err != nil {
			return found, err
		}
		if after, err := p.sock.drops(); err != nil || after == before {
			return false, err
		}
	}
	return false, errDrowned
}

var errDrowned = errors.New("whether the kernel reports events cannot be told, because it drops those by which that is seen: " +
	"it lacks memory, or threads of this program rename themselves all the time")

// take empties the queue and reports whether a canary of the task was in it.
func (p *probe) take(task Task) (found bool, err error) {
	for {
		batch, err := p.sock.receive(batchLen)
		if err != nil || len(batch) == 0 {
			return found, err
		}
		for _, d := range batch {
			var e Event
			if d.sender == 0 && Decode(d.bytes, &e) == nil && e.What == WhatComm && e.Task == task {
				found = true
			}
		}
	}
}

func (p *probe) close() error { return p.sock.close() }

// raise adds one to the kernel's count: a LISTEN from a fresh socket, which is
// closed without IGNORE. From Linux 6.6 on a socket's second LISTEN would add
// nothing.
func raise(sys system) error { return sendFresh(sys, opListen) }

// lower takes one from the kernel's count. From Linux 6.6 on, IGNORE counts when
// the socket's previous operation was another one, and operation 0, which does
// nothing, is one.
func lower(sys system) error { return sendFresh(sys, opNone, opIgnore) }

func sendFresh(sys system, ops ...uint32) error {
	sock, err := sys.dial()
	if err != nil {
		return err
	}
	for _, op := range ops {
		if err = request(sock, op); err != nil {
			break
		}
	}
	return errors.Join(err, sock.close())
}

// requestAttempts is how often a request is sent. The kernel has not seen one
// whose sending failed (for want of memory, say), so another try is safe.
const requestAttempts = 3

func request(sock socket, op uint32) (err error) {
	for range requestAttempts {
		if err = sock.send(appendRequest(nil, op, 0)); err == nil {
			return nil
		}
	}
	return err
}
