package cnproc

import (
	"encoding/binary"
	"math/bits"
)

// Decode reads one datagram of the process connector, from the start of its
// nlmsghdr, into e. It allocates nothing and keeps no reference to b.
//
// An event of a type that this package does not know is no error: e then has
// its What, CPU and Timestamp, and What.Known reports false.
//
// The error is ErrMalformed (errors.Is) when b is cut short, when its inner
// lengths contradict each other, or when it is no message of the process
// connector; e is then undefined.
func Decode(b []byte, e *Event) error {
	return parse(reader{b: b}, e)
}

// A reader loads numbers from a message of either byte order. Real messages
// are in the host's; tests bring those of other machines.
type reader struct {
	b       []byte
	swapped bool
}

func (r reader) u16(off int) uint16 {
	v := binary.NativeEndian.Uint16(r.b[off:])
	if r.swapped {
		return bits.ReverseBytes16(v)
	}
	return v
}

func (r reader) u32(off int) uint32 {
	v := binary.NativeEndian.Uint32(r.b[off:])
	if r.swapped {
		return bits.ReverseBytes32(v)
	}
	return v
}

func (r reader) u64(off int) uint64 {
	v := binary.NativeEndian.Uint64(r.b[off:])
	if r.swapped {
		return bits.ReverseBytes64(v)
	}
	return v
}

func (r reader) task(off int) Task {
	return Task{PID: int32(r.u32(off)), TGID: int32(r.u32(off + 4))}
}

func parse(r reader, e *Event) error {
	// Both lengths are checked before anything behind them is looked at:
	// nlmsg_len bounds the message within the datagram, cn_msg.len the event
	// within the message.
	if len(r.b) < offData {
		return errShort
	}
	if n := r.u32(0); n < offData || uint64(n) > uint64(len(r.b)) {
		return errLength
	}
	if r.u32(offIdx) != cnIdxProc || r.u32(offVal) != cnValProc {
		return errForeign
	}
	n := offData + int(r.u16(offLen))
	if n > int(r.u32(0)) {
		return errLength
	}
	r.b = r.b[:n]
	if n < offEvent {
		return errShort
	}

	*e = Event{
		What:      What(r.u32(offWhat)),
		CPU:       r.u32(offCPU),
		Timestamp: r.u64(offTimestamp),
	}
	if n < offEvent+e.What.dataLen() {
		return errShort
	}

	switch e.What {
	case WhatNone:
		e.Ack = r.u32(offAck)
		e.AckErrno = r.u32(offEvent)
	case WhatFork:
		e.Parent = r.task(offEvent)
		e.Task = r.task(offEvent + 8)
	case WhatExec, WhatSID:
		e.Task = r.task(offEvent)
	case WhatUID, WhatGID:
		e.Task = r.task(offEvent)
		e.RealID = r.u32(offEvent + 8)
		e.EffectiveID = r.u32(offEvent + 12)
	case WhatPtrace:
		e.Task = r.task(offEvent)
		e.Tracer = r.task(offEvent + 8)
	case WhatComm:
		e.Task = r.task(offEvent)
		copy(e.Comm[:], r.b[offEvent+8:])
	case WhatCoredump:
		e.Task = r.task(offEvent)
		e.Parent = r.task(offEvent + 8)
	case WhatExit:
		e.Task = r.task(offEvent)
		e.ExitStatus = ExitStatus(r.u32(offEvent + 8))
		e.ExitSignal = int32(r.u32(offEvent + 12))
		if n >= offEvent+unionLen {
			e.Parent = r.task(offEvent + 16)
		}
	}
	return nil
}

// dataLen is how many bytes of the union an event of this type needs.
func (w What) dataLen() int {
	switch w {
	case WhatNone:
		return 4
	case WhatExec, WhatSID:
		return 8
	case WhatFork, WhatUID, WhatGID, WhatPtrace, WhatCoredump, WhatExit:
		return 16
	case WhatComm:
		return 8 + CommLen
	default:
		return 0
	}
}
