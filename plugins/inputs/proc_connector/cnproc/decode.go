package cnproc

import "encoding/binary"

// Decode reads one datagram of the process connector, from the start of its
// nlmsghdr, into e. It allocates nothing and keeps no reference to b.
//
// An event of a type that this package does not know is no error: e then has its
// What, CPU and Timestamp.
//
// The error is ErrMalformed (errors.Is) when b is cut short, when its inner
// lengths contradict each other, or when it is no message of the process
// connector; e is then undefined.
func Decode(b []byte, e *Event) error {
	order := binary.NativeEndian
	// nlmsg_len bounds the message within the datagram, cn_msg.len the event within
	// the message. Nothing behind them is looked at before they are checked.
	if len(b) < offData {
		return errShort
	}
	end := offData + int(order.Uint16(b[offLen:]))
	switch n := order.Uint32(b); {
	case n < offData || uint64(n) > uint64(len(b)):
		return errLength
	case order.Uint32(b[offIdx:]) != cnIdxProc || order.Uint32(b[offVal:]) != cnValProc:
		return errForeign
	case end > int(n):
		return errLength
	case end < offEvent:
		return errShort
	}

	*e = Event{
		What:      What(order.Uint32(b[offWhat:])),
		CPU:       order.Uint32(b[offCPU:]),
		Timestamp: order.Uint64(b[offTimestamp:]),
	}
	union := b[offEvent:end]
	if len(union) < e.What.unionLen() {
		return errShort
	}
	word := func(off int) uint32 { return order.Uint32(union[off:]) }
	task := func(off int) Task { return Task{PID: int32(word(off)), TGID: int32(word(off + 4))} }

	switch e.What {
	case whatNone:
		e.ack, e.ackErrno = order.Uint32(b[offAck:]), word(0)
	case WhatFork:
		e.Parent, e.Task = task(0), task(8)
	case WhatExec, WhatSID:
		e.Task = task(0)
	case WhatUID, WhatGID:
		e.Task, e.RealID, e.EffectiveID = task(0), word(8), word(12)
	case WhatPtrace:
		e.Task, e.Tracer = task(0), task(8)
	case WhatComm:
		e.Task = task(0)
		copy(e.Comm[:], union[8:])
	case WhatCoredump:
		e.Task, e.Parent = task(0), task(8)
	case WhatExit:
		e.Task, e.ExitStatus, e.ExitSignal = task(0), ExitStatus(word(8)), int32(word(12))
		if len(union) >= 24 { // since Linux 4.18
			e.Parent = task(16)
		}
	}
	return nil
}

// unionLen is how many bytes of the union an event of this type needs.
func (w What) unionLen() int {
	switch w {
	case whatNone:
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
