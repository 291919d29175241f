package cnproc

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/net/bpf"
)

// A Filter says which events the kernel shall put into the session's queue.
// What is filtered out costs the receiver nothing: no copy, no wake-up.
// The zero value passes everything, except acknowledgements, which other programs
// cause at will, and that this process's own threads take a name: those are
// canaries, sent to find out whether the kernel still reports anything.
type Filter struct {
	// Types are the event types that pass. None means all, unknown ones too.
	// whatNone alone means no events.
	Types []What
	// NoThreads keeps away what only concerns a thread other than its
	// process's first: its start, its end, its name and its own user and group
	// ids. Execs and sessions always concern the process. Core dumps and ptrace
	// pass whichever thread they name, because a process that crashes or is
	// traced does so in any of its threads.
	NoThreads bool
}

// filterPass is the number of bytes that a passing datagram keeps: all. It is a
// positive number of 32 bits too, for those who run the filter themselves.
const filterPass = 0x7fffffff

// assemble returns the filter as classic BPF. Its offsets count from the start
// of the nlmsghdr (net/netlink/af_netlink.c runs the filter on the whole skb).
//
// The acknowledgement with the number ack passes; 0 means none.
func (f Filter) assemble(ack uint32) ([]bpf.RawInstruction, error) {
	raw, err := bpf.Assemble(f.program(ownPID(), ack))
	if err != nil {
		return nil, fmt.Errorf("assembling the socket filter: %w", err)
	}
	return raw, nil
}

// program returns the filter of a process with the id self.
func (f Filter) program(self, ack uint32) []bpf.Instruction {
	pass, drop := bpf.RetConstant{Val: filterPass}, bpf.RetConstant{Val: 0}

	answer := []bpf.Instruction{drop}
	if ack != 0 {
		answer = []bpf.Instruction{
			bpf.LoadAbsolute{Off: offAck, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(ack), SkipTrue: 1},
			pass,
			drop,
		}
	}
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offWhat, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(whatNone)), SkipTrue: uint8(len(answer))},
	}
	prog = append(prog, answer...)

	if !f.NoThreads {
		prog = append(prog, dropCanaries(self)...)
	} else {
		prog = append(prog, passLeaders(WhatFork, offEvent+8)...)
		for _, w := range []What{WhatExit, WhatComm, WhatUID, WhatGID} {
			prog = append(prog, passLeaders(w, offEvent)...)
		}
	}
	if len(f.Types) == 0 {
		return append(prog, pass)
	}
	for _, w := range f.Types {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(w)), SkipTrue: 1}, pass)
	}
	return append(prog, drop)
}

// alarm returns the filter of a socket that hears one in so many of the events that
// f passes, at random, that many are heard before a queue of that size in bytes is
// full.
func (f Filter) alarm(self uint32, receiveBuffer int) []bpf.Instruction {
	const (
		// An event takes 768 bytes of twice the size that was asked for.
		eventSize = 768 / 2
		heard     = 64
		rarest    = 1024 // costs the senders little
	)
	one := 1
	for 2*one*heard <= receiveBuffer/eventSize && one < rarest {
		one *= 2
	}
	return append([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: uint32(one - 1)},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}, f.program(self, 0)...)
}

// passLeaders drops an event of type w whose task, at offset task, is not the
// first thread of its process. Any other event goes on to the instruction
// behind, with its type in the accumulator again.
func passLeaders(w What, task uint32) []bpf.Instruction {
	body := []bpf.Instruction{
		bpf.LoadAbsolute{Off: task, Size: 4}, // pid
		bpf.TAX{},
		bpf.LoadAbsolute{Off: task + 4, Size: 4}, // tgid
		bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: offWhat, Size: 4},
	}
	skip := bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(w)), SkipTrue: uint8(len(body))}
	return append([]bpf.Instruction{skip}, body...)
}

// dropCanaries drops it when a thread of the process self that is not its first
// takes a name. Any other event goes on to the instruction behind, with its type
// in the accumulator again.
func dropCanaries(self uint32) []bpf.Instruction {
	body := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offEvent + 4, Size: 4}, // tgid
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(self), SkipTrue: 4},
		bpf.TAX{},
		bpf.LoadAbsolute{Off: offEvent, Size: 4}, // pid
		bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: offWhat, Size: 4},
	}
	skip := bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(WhatComm)), SkipTrue: uint8(len(body))}
	return append([]bpf.Instruction{skip}, body...)
}

// probeFilter passes it when a thread of the process self takes a name, and
// acknowledgements with one of the probeNumbers that begin with number.
func probeFilter(self, number uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offWhat, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(WhatComm)), SkipTrue: 2},
		bpf.LoadAbsolute{Off: offEvent + 4, Size: 4}, // tgid
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire(self), SkipTrue: 4, SkipFalse: 5},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(whatNone)), SkipTrue: 4},
		bpf.LoadAbsolute{Off: offAck, Size: 4},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: wire(^uint32(probeNumbers - 1))},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(number), SkipTrue: 1},
		bpf.RetConstant{Val: filterPass},
		bpf.RetConstant{Val: 0},
	}
}

// tapFilter passes the events of one type that happened on a CPU from first to
// last, and nothing else: no acknowledgement either.
func tapFilter(what What, cpus CPURange) []bpf.Instruction {
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offWhat, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire(uint32(what)), SkipTrue: uint8(len(loadCPU()) + 3)},
	}
	return append(append(prog, loadCPU()...),
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: cpus.First, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: cpus.Last, SkipTrue: 1},
		bpf.RetConstant{Val: filterPass},
		bpf.RetConstant{Val: 0},
	)
}

// loadCPU brings an event's CPU into the accumulator as a number that can be
// compared with more than equality. Its lower 16 bits will do: NR_CPUS is 8192
// at the most (arch/x86/Kconfig).
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

// ownPID is this process's id, as the kernel reports it to the host.
func ownPID() uint32 { return uint32(os.Getpid()) }

// wire returns the number that a filter's load finds where the kernel stored v:
// classic BPF loads big-endian whatever the machine, the kernel stores in host
// order.
func wire(v uint32) uint32 {
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, v))
}
