package cnproc

import "errors"

// A probe is a member of the group that hears nothing but canaries, renamings of this
// process's own threads, which the kernel reports inside the system call that renames,
// and acknowledgements with numbers of its own. So it can say at any time whether the
// kernel reports anything to anybody. It has a queue of its own, because one that is
// full of other events would mislead it.
type probe struct {
	sys    system
	sock   socket
	number uint32 // the first of its probeNumbers, a multiple of that, and never 0
}

// probeNumbers is how many numbers a probe has for acknowledgements: a power of two.
const probeNumbers = 1 << 10

func openProbe(sys system) (*probe, error) {
	sock, err := sys.dialPassive()
	if err != nil {
		return nil, err
	}
	number := randomNumber()&^(probeNumbers-1) | probeNumbers
	err = sock.setFilter(probeFilter(ownPID(), number))
	if err == nil {
		_, err = sock.join()
	}
	if err != nil {
		return nil, errors.Join(err, sock.close())
	}
	return &probe{sys: sys, sock: sock, number: number}, nil
}

// canaries is how many are sent when the kernel has no room or memory for them.
const canaries = 10

// heard sends a canary and reports whether it came back. If not, although nothing was
// dropped, the kernel's count of listeners is below one.
func (p *probe) heard() (bool, error) {
	for range canaries {
		// Earlier canaries of this process prove nothing.
		if err := p.drain(func(*Event) {}); err != nil {
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
		found := false
		err = p.drain(func(e *Event) { found = found || e.What == WhatComm && e.Task == task })
		if found || err != nil {
			return found, err
		}
		if after, err := p.sock.drops(); err != nil || after == before {
			return false, err
		}
	}
	return false, errDrowned
}

var errDrowned = errors.New("the kernel drops the canaries: it lacks memory, or threads of this program rename themselves all the time")

// acknowledged empties the queue and returns the number of the first acknowledgement in
// it, counted from p.number + 1, or -1 if there is none.
func (p *probe) acknowledged() (first int, err error) {
	first = -1
	err = p.drain(func(e *Event) {
		if e.What == whatNone && e.ackErrno == 0 && first < 0 {
			first = int(e.ack - p.number - 1)
		}
	})
	return first, err
}

// drain empties the queue and calls f with each event of the kernel's in it.
func (p *probe) drain(f func(e *Event)) error {
	for {
		batch, err := p.sock.receive(batchLen)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, d := range batch {
			var e Event
			if d.sender == 0 && Decode(d.bytes, &e) == nil {
				f(&e)
			}
		}
	}
}

func (p *probe) close() error { return p.sock.close() }
