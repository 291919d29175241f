package cnproc

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

func TestFilter(t *testing.T) {
	all := []EventType{EventFork, EventExec, EventUID, EventGID, EventSID, EventPtrace, EventComm, EventCoredump, EventExit}
	const unknown = EventType(0x800)

	// A fork's task lies behind its parent's; all others begin with theirs.
	task := func(w EventType, pid, tgid uint32) []byte {
		if w == EventFork {
			return message(binary.NativeEndian, w, 0, 1, 1, pid, tgid)
		}
		return message(binary.NativeEndian, w, 0, pid, tgid, 1, 2)
	}

	tests := map[string]struct {
		filter  Filter
		leaders []EventType // types that pass for the first thread of a process
		threads []EventType // types that pass for another
	}{
		"zero value passes everything": {
			leaders: append([]EventType{unknown}, all...),
			threads: append([]EventType{unknown}, all...),
		},
		"no threads": {
			filter:  Filter{NoThreads: true},
			leaders: append([]EventType{unknown}, all...),
			threads: []EventType{unknown, EventExec, EventSID, EventPtrace, EventCoredump},
		},
		"some types": {
			filter:  Filter{Types: []EventType{EventExec, EventExit}},
			leaders: []EventType{EventExec, EventExit},
			threads: []EventType{EventExec, EventExit},
		},
		"all known types, no threads": {
			filter:  Filter{Types: all, NoThreads: true},
			leaders: all,
			threads: []EventType{EventExec, EventSID, EventPtrace, EventCoredump},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			vm, err := bpf.NewVM(tt.filter.program(filterSelf, 0))
			require.NoError(t, err)
			_, err = bpf.Assemble(tt.filter.program(filterSelf, 0))
			require.NoError(t, err)

			for _, w := range append([]EventType{eventNone, unknown}, all...) {
				for _, c := range []struct {
					pid  uint32
					pass []EventType
				}{{pid: 4242, pass: tt.leaders}, {pid: 4243, pass: tt.threads}} {
					n, err := vm.Run(task(w, c.pid, 4242))
					require.NoError(t, err)
					if contains(c.pass, w) {
						require.Positive(t, n, "%v of task %d shall pass", w, c.pid)
					} else {
						require.Zero(t, n, "%v of task %d shall be dropped", w, c.pid)
					}
				}
			}
		})
	}
}

func contains(set []EventType, w EventType) bool {
	for _, s := range set {
		if s == w {
			return true
		}
	}
	return false
}

// filterSelf is the process that the filters under test belong to.
const filterSelf = 77

// A canary is a renaming of one of this process's own threads other than the
// first. Sessions do not hear it, probes hear nothing else but some acknowledgements.
func TestFilterCanary(t *testing.T) {
	comm := func(pid, tgid uint32) []byte { return message(binary.NativeEndian, EventComm, 0, pid, tgid) }
	tests := map[string]struct {
		message []byte
		all     bool // passes a filter that lets everything through
		leaders bool // passes one without threads
		probe   bool
	}{
		"own thread":      {message: comm(78, filterSelf), probe: true},
		"own process":     {message: comm(filterSelf, filterSelf), all: true, leaders: true, probe: true},
		"another thread":  {message: comm(filterSelf, 1000), all: true},
		"another process": {message: comm(1000, 1000), all: true, leaders: true},
		"own exec":        {message: message(binary.NativeEndian, EventExec, 0, filterSelf, filterSelf), all: true, leaders: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, f := range []struct {
				program []bpf.Instruction
				passes  bool
			}{
				{Filter{}.program(filterSelf, 0), tt.all},
				{Filter{Types: []EventType{EventComm, EventExec}}.program(filterSelf, 0), tt.all},
				{Filter{NoThreads: true}.program(filterSelf, 0), tt.leaders},
				{probeFilter(filterSelf, 0x1234<<10), tt.probe},
				{none.program(filterSelf, 0), false},
			} {
				vm, err := bpf.NewVM(f.program)
				require.NoError(t, err)
				n, err := vm.Run(tt.message)
				require.NoError(t, err)
				require.Equal(t, f.passes, n > 0)
			}
		})
	}
}

// Of the acknowledgements a session hears its own, and none when that has come; a
// probe hears those with its numbers.
func TestFilterAcknowledgement(t *testing.T) {
	const own, number = 0x12345679, 0xabcd << 10
	passes := func(program []bpf.Instruction, ack uint32) bool {
		vm, err := bpf.NewVM(program)
		require.NoError(t, err)
		n, err := vm.Run(message(binary.NativeEndian, eventNone, ack, 0))
		require.NoError(t, err)
		return n > 0
	}
	for _, f := range []Filter{{}, {NoThreads: true}, {Types: []EventType{EventExec}}, none} {
		require.True(t, passes(f.program(filterSelf, own), own))
		for _, ack := range []uint32{0, own - 1, own + 1, own ^ 1<<31} {
			require.False(t, passes(f.program(filterSelf, own), ack))
			require.False(t, passes(f.program(filterSelf, 0), ack))
		}
		require.False(t, passes(f.program(filterSelf, 0), own))
	}
	for ack, want := range map[uint32]bool{
		number: true, number + 1: true, number + probeNumbers - 1: true, number - 1: false, number + probeNumbers: false, number ^ 1<<31: false,
	} {
		require.Equal(t, want, passes(probeFilter(filterSelf, number), ack), "%#x", ack)
	}
}

func TestTapFilter(t *testing.T) {
	on := func(w EventType, cpu uint32) []byte {
		b := message(binary.NativeEndian, w, 0, 1, 1)
		binary.NativeEndian.PutUint32(b[offCPU:], cpu)
		return b
	}
	for _, tt := range []struct {
		cpus  CPURange
		event []byte
		pass  bool
	}{
		{CPURange{0, 0}, on(EventExec, 0), true},
		{CPURange{0, 0}, on(EventExec, 1), false},
		{CPURange{0, 0}, on(EventExec, 256), false},
		{CPURange{0, 0}, on(EventFork, 0), false},
		{CPURange{0, 0}, on(eventNone, 0), false},
		{CPURange{3, 5}, on(EventExec, 2), false},
		{CPURange{3, 5}, on(EventExec, 3), true},
		{CPURange{3, 5}, on(EventExec, 5), true},
		{CPURange{3, 5}, on(EventExec, 6), false},
		{CPURange{3, 5}, on(EventExec, 0x400), false},
		{CPURange{250, 0xffff}, on(EventExec, 249), false},
		{CPURange{250, 0xffff}, on(EventExec, 258), true},
		{CPURange{250, 0xffff}, on(EventExec, 8191), true},
	} {
		program := tapFilter(tt.cpus)
		_, err := bpf.Assemble(program)
		require.NoError(t, err)
		vm, err := bpf.NewVM(program)
		require.NoError(t, err)
		n, err := vm.Run(tt.event)
		require.NoError(t, err)
		require.Equal(t, tt.pass, n > 0, "%v", tt)
	}
}
