package cnproc

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// message builds a datagram as a kernel of the given byte order would.
func message(order binary.AppendByteOrder, what EventType, ack uint32, data ...uint32) []byte {
	event := order.AppendUint32(nil, uint32(what))
	event = order.AppendUint32(event, 3) // cpu
	event = order.AppendUint64(event, 0x0102030405060708)
	for _, d := range data {
		event = order.AppendUint32(event, d)
	}
	for len(event) < datagramLen-offData {
		event = append(event, 0)
	}

	b := order.AppendUint32(nil, uint32(offData+len(event)))
	b = order.AppendUint16(b, nlmsgDone)
	b = order.AppendUint16(b, 0)
	b = order.AppendUint32(b, 77)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, cnIdxProc)
	b = order.AppendUint32(b, cnValProc)
	b = order.AppendUint32(b, 77)
	b = order.AppendUint32(b, ack)
	b = order.AppendUint16(b, uint16(len(event)))
	b = order.AppendUint16(b, 0)
	return append(b, event...)
}

// comm packs a name into words that message stores in the given order, so that
// its bytes come out as they are.
func comm(order binary.ByteOrder, name string) []uint32 {
	var b [CommLen]byte
	copy(b[:], name)
	words := make([]uint32, 0, 4)
	for i := 0; i < CommLen; i += 4 {
		words = append(words, order.Uint32(b[i:]))
	}
	return words
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// toHost turns a message of a byte order into one of the host's.
func toHost(b []byte, order binary.ByteOrder) []byte {
	host, out := binary.NativeEndian, append([]byte(nil), b...)
	for _, off := range []int{4, 6, offLen, offLen + 2} {
		host.PutUint16(out[off:], order.Uint16(b[off:]))
	}
	for _, off := range []int{0, 8, 12, offIdx, offVal, 24, offAck, offWhat, offCPU} {
		host.PutUint32(out[off:], order.Uint32(b[off:]))
	}
	host.PutUint64(out[offTimestamp:], order.Uint64(b[offTimestamp:]))
	words := (len(b) - offEvent) / 4
	if EventType(order.Uint32(b[offWhat:])) == EventComm {
		words = 2 // and bytes
	}
	for i := range words {
		off := offEvent + 4*i
		host.PutUint32(out[off:], order.Uint32(b[off:]))
	}
	return out
}

func TestDecodeBothByteOrders(t *testing.T) {
	minusOne := ^uint32(0)
	for name, order := range map[string]byteOrder{"little-endian": binary.LittleEndian, "big-endian": binary.BigEndian} {
		tests := []struct {
			name string
			what EventType
			ack  uint32
			data []uint32
			want Event
		}{
			{
				name: "acknowledgement", what: eventNone, ack: 0xdeadbeef, data: []uint32{1},
				want: Event{ack: 0xdeadbeef, ackErrno: 1},
			},
			{
				name: "fork of a process", what: EventFork, data: []uint32{10, 11, 70000, 70000},
				want: Event{Parent: Task{10, 11}, Task: Task{70000, 70000}},
			},
			{name: "exec", what: EventExec, data: []uint32{12, 12}, want: Event{Task: Task{12, 12}}},
			{
				name: "uid", what: EventUID, data: []uint32{13, 14, 1000, 0},
				want: Event{Task: Task{13, 14}, RealID: 1000},
			},
			{
				name: "gid", what: EventGID, data: []uint32{13, 14, 100, minusOne},
				want: Event{Task: Task{13, 14}, RealID: 100, EffectiveID: minusOne},
			},
			{name: "sid", what: EventSID, data: []uint32{15, 15}, want: Event{Task: Task{15, 15}}},
			{
				name: "ptrace attach", what: EventPtrace, data: []uint32{16, 17, 18, 19},
				want: Event{Task: Task{16, 17}, Tracer: Task{18, 19}},
			},
			{name: "ptrace detach", what: EventPtrace, data: []uint32{16, 17, 0, 0}, want: Event{Task: Task{16, 17}}},
			{
				name: "comm", what: EventComm, data: append([]uint32{20, 21}, comm(order, "fifteen letters")...),
				want: Event{Task: Task{20, 21}, Comm: [16]byte([]byte("fifteen letters\x00"))},
			},
			{
				name: "coredump", what: EventCoredump, data: []uint32{22, 23, 24, 25},
				want: Event{Task: Task{22, 23}, Parent: Task{24, 25}},
			},
			{
				name: "exit of a process", what: EventExit, data: []uint32{26, 26, 0x8b, 17, 1, 2},
				want: Event{Task: Task{26, 26}, ExitStatus: 0x8b, ExitSignal: 17, Parent: Task{1, 2}},
			},
			{
				name: "exit of a thread", what: EventExit, data: []uint32{28, 26, 0, minusOne, 0, 0},
				want: Event{Task: Task{28, 26}, ExitSignal: -1},
			},
			{name: "a type of a later kernel", what: 0x800, data: []uint32{1, 2, 3, 4, 5, 6}},
		}
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				want := tt.want
				want.What, want.CPU, want.Timestamp = tt.what, 3, 0x0102030405060708

				var got Event
				b := message(order, tt.what, tt.ack, tt.data...)
				require.NoError(t, Decode(toHost(b, order), &got))
				require.Equal(t, want, got)
			})
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	order := binary.NativeEndian
	whole := func() []byte { return message(order, EventExit, 0, 1, 1, 0, 17, 1, 1) }
	set32 := func(off int, v uint32) []byte {
		b := whole()
		order.PutUint32(b[off:], v)
		return b
	}
	setLen := func(v uint16) []byte {
		b := whole()
		order.PutUint16(b[offLen:], v)
		return b
	}

	tests := map[string]struct {
		b    []byte
		want error
	}{
		"nothing":                               {b: nil, want: errShort},
		"less than the headers":                 {b: whole()[:offData-1], want: errShort},
		"nlmsg_len below the headers":           {b: set32(0, offData-1), want: errLength},
		"nlmsg_len beyond the datagram":         {b: set32(0, datagramLen+1), want: errLength},
		"nlmsg_len at its largest":              {b: set32(0, 0xffffffff), want: errLength},
		"cn_msg.len beyond nlmsg_len":           {b: setLen(24 + 17), want: errLength},
		"cn_msg.len at its largest":             {b: setLen(0xffff), want: errLength},
		"no event header":                       {b: setLen(15), want: errShort},
		"an exit without its exit_signal":       {b: setLen(16 + 12), want: errShort},
		"another connector's index":             {b: set32(offIdx, 2), want: errForeign},
		"another connector's value":             {b: set32(offVal, 9), want: errForeign},
		"a datagram cut where the event begins": {b: whole()[:offEvent], want: errLength},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var e Event
			err := Decode(tt.b, &e)
			require.ErrorIs(t, err, tt.want)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

// Kernels before 4.18 sent exits without the parent.
func TestDecodeExitWithoutParent(t *testing.T) {
	b := message(binary.NativeEndian, EventExit, 0, 5, 5, 0x100, 17)
	binary.NativeEndian.PutUint16(b[offLen:], 16+16)

	var e Event
	require.NoError(t, Decode(b, &e))
	require.Equal(t, Task{5, 5}, e.Task)
	require.Equal(t, 1, e.ExitStatus.Code())
	require.Zero(t, e.Parent)
}

func TestExitStatus(t *testing.T) {
	tests := map[string]struct {
		status ExitStatus
		code   int
		signal int
		core   bool
	}{
		"success":          {status: 0},
		"exit 255":         {status: 0xff00, code: 255},
		"SIGKILL":          {status: 9, signal: 9},
		"SIGSEGV and core": {status: 0x8b, signal: 11, core: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.code, tt.status.Code())
			require.Equal(t, tt.signal, tt.status.Signal())
			require.Equal(t, tt.signal != 0, tt.status.Signaled())
			require.Equal(t, tt.core, tt.status.CoreDumped())
		})
	}
}

func TestEventName(t *testing.T) {
	e := Event{Comm: [16]byte([]byte("sh\x00xxxxxxxxxxxxx"))}
	require.Equal(t, "sh", string(e.Name()))
	e.Comm = [16]byte([]byte("0123456789abcdef"))
	require.Equal(t, "0123456789abcdef", string(e.Name()), "a name without its zero byte ends with the array")
}

// names are the kernel's, and those of the files in testdata.
var names = map[EventType]string{
	eventNone: "none", EventFork: "fork", EventExec: "exec", EventUID: "uid", EventGID: "gid", EventSID: "sid",
	EventPtrace: "ptrace", EventComm: "comm", EventCoredump: "coredump", EventExit: "exit",
}

// The messages in testdata were sent by a little-endian 6.18 kernel; capture_linux_test.go
// records them anew.
func TestDecodeCaptured(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.bin"))
	require.NoError(t, err)
	require.Len(t, files, 10, "nine event types and the acknowledgement")

	seen := make(map[string]bool, len(files))
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Len(t, b, datagramLen)

		var e Event
		require.NoError(t, Decode(toHost(b, binary.LittleEndian), &e))
		name := filepath.Base(file)
		require.Equal(t, name, names[e.What]+".bin")
		seen[name] = true

		require.NotZero(t, e.Timestamp)
		switch e.What {
		case eventNone:
			require.Zero(t, e.ackErrno)
			require.NotZero(t, e.ack)
		case EventFork:
			require.Positive(t, e.Parent.PID)
			require.NotEqual(t, e.Parent.TGID, e.Task.TGID)
		case EventUID, EventGID:
			require.EqualValues(t, 65534, e.RealID)
			require.EqualValues(t, 65534, e.EffectiveID)
		case EventPtrace:
			require.True(t, e.Attached())
		case EventComm:
			require.Equal(t, "renamed", string(e.Name()))
		case EventExit:
			require.Equal(t, 6, e.ExitStatus.Signal(), "SIGABRT")
			require.EqualValues(t, 17, e.ExitSignal, "SIGCHLD")
			require.Positive(t, e.Parent.TGID)
		case EventCoredump:
			require.Positive(t, e.Parent.TGID)
		case EventExec, EventSID:
			require.True(t, e.Task.Leader())
		}
	}
	require.Len(t, seen, 10)
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.bin"))
	require.NoError(f, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add(message(binary.BigEndian, EventFork, 0, 1, 2, 3, 4))
	f.Add(make([]byte, 0))

	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again Event
		if err := Decode(b, &e); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.GreaterOrEqual(t, len(b), offEvent)
		// What lies behind the message is none of its business.
		require.NoError(t, Decode(append(b[:len(b):len(b)], 0xff), &again))
		require.Equal(t, e, again)
	})
}

func BenchmarkDecode(b *testing.B) {
	msg := message(binary.NativeEndian, EventExit, 0, 1, 1, 0, 17, 1, 1)
	var e Event
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(msg, &e); err != nil {
			b.Fatal(err)
		}
	}
}
