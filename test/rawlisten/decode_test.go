package rawlisten

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	ne := binary.NativeEndian
	b := make([]byte, 76)
	ne.PutUint32(b[16:], 1)
	ne.PutUint32(b[20:], 1)
	ne.PutUint32(b[28:], 99)
	ne.PutUint32(b[36:], EventExec)
	ne.PutUint32(b[40:], 3)
	ne.PutUint64(b[44:], 1<<40)
	ne.PutUint32(b[52:], 1234)
	ne.PutUint32(b[72:], 5678)

	ev, ok := decode(b)
	require.True(t, ok)
	require.Equal(t, Event{
		What:        EventExec,
		CPU:         3,
		TimestampNs: 1 << 40,
		Data:        [6]uint32{0: 1234, 5: 5678},
		ack:         99,
	}, ev)

	_, ok = decode(b[:75])
	require.False(t, ok, "cut off")

	ne.PutUint32(b[16:], 2)
	_, ok = decode(b)
	require.False(t, ok, "another connector")
}
