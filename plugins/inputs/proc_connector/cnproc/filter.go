package cnproc

import (
	"encoding/binary"
	"os"

	"golang.org/x/net/bpf"
)

// A Filter says which events the kernel shall put into the session's queue. What is
// filtered out costs the receiver nothing: no copy, no wake-up. The zero value passes
// everything, except that this process's own threads take a name: those are canaries,
// sent to find out whether the kernel still reports anything.
type Filter struct {
	// Types are the event types that pass. None means all, unknown ones too.
	Types []EventType
	// NoThreads keeps away what only concerns a thread other than its process's first:
	// its start, its end, its name and its own user and group ids. Execs and sessions
	// always concern the process, and core dumps and ptrace in whichever thread.
	NoThreads bool
}

// none passes no events.
var none = Filter{Types: []EventType{eventNone}}

// Filters are classic BPF. Their offsets count from the start of the nlmsghdr
// (net/netlink/af_netlink.c runs the filter on the whole skb).
var (
	filterPass = bpf.RetConstant{Val: 0x7fffffff} // bytes; positive in 32 bits too, for tests
	filterDrop = bpf.RetConstant{Val: 0}
)

// load brings a word of the datagram into the accumulator.
func load(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }

// when runs the body if the accumulator holds what the kernel stored as v.
func when(v uint32, body ...bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{unless(v, len(body))}, body...)
}

// unless skips so many instructions if the accumulator holds anything else.
func unless(v uint32, skip int) bpf.Instruction {
	return bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(v), SkipTrue: uint8(skip)}
}

// wire returns the number that load finds where the kernel stored v: in host order, but
// classic BPF loads big-endian whatever the machine.
func wire(v uint32) uint32 {
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, v))
}

// ownPID is this process's id, as the kernel reports it to the host.
func ownPID() uint32 { return uint32(os.Getpid()) }

// program returns the filter of a process with the id self. Of acknowledgements, which
// other programs cause at will, the one with the number ack passes; 0 means none.
func (f Filter) program(self, ack uint32) []bpf.Instruction {
	answer := []bpf.Instruction{filterDrop}
	if ack != 0 {
		answer = append([]bpf.Instruction{load(offAck), unless(ack, 1), filterPass}, answer...)
	}
	prog := append([]bpf.Instruction{load(offWhat)}, when(uint32(eventNone), answer...)...)
	if f.NoThreads {
		prog = append(prog, passLeaders(EventFork, offEvent+8)...)
		for _, w := range []EventType{EventExit, EventComm, EventUID, EventGID} {
			prog = append(prog, passLeaders(w, offEvent)...)
		}
	} else {
		prog = append(prog, dropCanaries(self)...)
	}
	if len(f.Types) == 0 {
		return append(prog, filterPass)
	}
	for _, w := range f.Types {
		prog = append(prog, when(uint32(w), filterPass)...)
	}
	return append(prog, filterDrop)
}

// passLeaders drops an event of type w whose task, at offset task, is not the first
// thread of its process. Other events go on with their type in the accumulator again.
func passLeaders(w EventType, task uint32) []bpf.Instruction {
	return when(uint32(w),
		load(task), // pid
		bpf.TAX{},
		load(task+4), // tgid
		bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
		filterDrop,
		load(offWhat),
	)
}

// dropCanaries is passLeaders for the renamings of the process self alone.
func dropCanaries(self uint32) []bpf.Instruction {
	return when(uint32(EventComm),
		load(offEvent+4), // tgid
		unless(self, 4),
		bpf.TAX{},
		load(offEvent), // pid
		bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
		filterDrop,
		load(offWhat),
	)
}

// alarm returns the filter of a socket that hears one in so many of the events that f
// passes, at random, that at least 64 are heard before a queue of that size is full.
func (f Filter) alarm(self uint32, receiveBuffer int) []bpf.Instruction {
	const eventSize = 768 / 2 // of twice the size that was asked for
	one := 1
	for 2*one*64 <= receiveBuffer/eventSize && one < 1024 { // which costs the senders little
		one *= 2
	}
	return append([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: uint32(one - 1)},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		filterDrop,
	}, f.program(self, 0)...)
}

// probeFilter passes it when a thread of the process self takes a name, and
// acknowledgements with one of the probeNumbers that begin with number.
func probeFilter(self, number uint32) []bpf.Instruction {
	return []bpf.Instruction{
		load(offWhat),
		unless(uint32(EventComm), 4),
		load(offEvent + 4), // tgid
		unless(self, 1),
		filterPass,
		filterDrop,
		unless(uint32(eventNone), 4),
		load(offAck),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: wire(^uint32(probeNumbers - 1))},
		unless(number, 1),
		filterPass,
		filterDrop,
	}
}

// tapFilter passes execs that happened on one of the CPUs.
func tapFilter(cpus CPURange) []bpf.Instruction {
	body := append(loadCPU(),
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: cpus.First, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: cpus.Last, SkipTrue: 1},
		filterPass,
	)
	return append(append([]bpf.Instruction{load(offWhat)}, when(uint32(EventExec), body...)...), filterDrop)
}

// loadCPU brings an event's CPU into the accumulator as a number that can be compared
// with more than equality. 16 bits will do: NR_CPUS is at most 8192 (arch/x86/Kconfig).
func loadCPU() []bpf.Instruction {
	if wire(1) == 1 {
		return []bpf.Instruction{bpf.LoadAbsolute{Off: offCPU + 2, Size: 2}}
	}
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offCPU + 1, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8},
		bpf.TAX{},
		bpf.LoadAbsolute{Off: offCPU, Size: 1},
		bpf.ALUOpX{Op: bpf.ALUOpOr},
	}
}
