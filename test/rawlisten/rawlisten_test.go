package rawlisten_test

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

func dial(t *testing.T) *rawlisten.Conn {
	t.Helper()
	c, err := rawlisten.Dial()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// changes takes the steps in turn and returns by how much each moved the listener
// count. Nothing is asserted on the way: a test that stopped between a step and
// the one that undoes it would leave the count wrong.
func changes(t *testing.T, steps ...func() error) []int32 {
	t.Helper()
	r, err := truecount.Open()
	require.NoError(t, err)
	defer r.Close()

	counts := make([]int32, len(steps)+1)
	errs := make([]error, 2*len(steps)+1)
	counts[0], errs[0] = r.Read()
	for i, step := range steps {
		errs[2*i+1] = step()
		counts[i+1], errs[2*i+2] = r.Read()
	}

	for _, err := range errs {
		require.NoError(t, err)
	}
	moved := make([]int32, len(steps))
	for i := range moved {
		moved[i] = counts[i+1] - counts[i]
	}
	return moved
}

func TestListenAndIgnore(t *testing.T) {
	truecount.Guard(t)

	var c *rawlisten.Conn
	got := changes(t,
		func() error { c = dial(t); return nil },
		func() error { return c.Send(rawlisten.Listen) },
		func() error { return c.Send(rawlisten.Ignore) },
	)
	require.Equal(t, []int32{0, 1, -1}, got, "membership, LISTEN, IGNORE")
}

// The second IGNORE is made up for before it is sent, so that nobody is deaf in
// between where it counts.
func TestIgnoreTwice(t *testing.T) {
	perSocket, err := rawlisten.CountsPerSocket()
	require.NoError(t, err)
	truecount.Guard(t)

	c := dial(t)
	got := changes(t,
		rawlisten.Raise,
		func() error { return c.Send(rawlisten.Listen) },
		func() error { return c.Send(rawlisten.Ignore) },
		func() error { return c.Send(rawlisten.Ignore) },
	)
	want := []int32{1, 1, -1, -1}
	if perSocket {
		want[3] = 0
	}
	if got[3] == 0 {
		require.NoError(t, rawlisten.Lower())
	}
	require.Equal(t, want, got)
}

// A second LISTEN counts where a second IGNORE does.
func TestListenTwice(t *testing.T) {
	perSocket, err := rawlisten.CountsPerSocket()
	require.NoError(t, err)
	truecount.Guard(t)

	c := dial(t)
	got := changes(t,
		func() error { return c.Send(rawlisten.Listen) },
		func() error { return c.Send(rawlisten.Listen) },
		func() error { return c.Send(rawlisten.Ignore) },
	)
	want := []int32{1, 1, -1}
	if perSocket {
		want[1] = 0
	}
	if got[1] == 1 {
		require.NoError(t, rawlisten.Lower())
	}
	require.Equal(t, want, got)
}

func TestCloseLeavesListen(t *testing.T) {
	truecount.Guard(t)

	c := dial(t)
	got := changes(t,
		func() error { return c.Send(rawlisten.Listen) },
		c.Close,
		rawlisten.Lower,
	)
	require.Equal(t, []int32{1, 0, -1}, got)
	require.Error(t, c.Send(rawlisten.Listen), "closed")
}

func TestRaiseAndLower(t *testing.T) {
	truecount.Guard(t)

	got := changes(t, rawlisten.Raise, rawlisten.Raise, rawlisten.Lower, rawlisten.Lower)
	require.Equal(t, []int32{1, 1, -1, -1}, got)
}

func TestAcked(t *testing.T) {
	truecount.Guard(t)

	c, other := dial(t), dial(t)
	require.False(t, c.Acked(), "nothing was sent")

	require.NoError(t, c.Send(rawlisten.Listen))
	t.Cleanup(func() { require.NoError(t, c.Send(rawlisten.Ignore)) })
	require.False(t, other.Acked(), "the acknowledgement is another's")
	require.True(t, c.Acked())
	require.False(t, c.Acked(), "there is one acknowledgement only")

	// The kernel answers an operation that it does not know with an error.
	require.NoError(t, other.Send(0))
	require.False(t, other.Acked())
}

func TestReceive(t *testing.T) {
	truecount.Guard(t)
	// Never unlocked, so that the thread ends with the test and its new name too.
	runtime.LockOSThread()

	c := dial(t)
	require.NoError(t, c.Send(rawlisten.Listen))
	t.Cleanup(func() { require.NoError(t, c.Send(rawlisten.Ignore)) })
	require.True(t, c.Acked())

	// The event of the thread's own new name is sent inside the system call.
	rename(t)
	for {
		ev, ok := c.Receive()
		require.True(t, ok, "the event is in the queue")
		if ev.What != rawlisten.EventComm || ev.Data[0] != uint32(unix.Gettid()) {
			continue
		}
		require.Equal(t, uint32(os.Getpid()), ev.Data[1])
		require.NotZero(t, ev.TimestampNs)
		break
	}

	const renames = 10
	c.Drain()
	for range renames {
		rename(t)
	}
	require.GreaterOrEqual(t, c.Drain(), renames)
}

func TestOverran(t *testing.T) {
	truecount.Guard(t)
	runtime.LockOSThread()

	c := dial(t)
	require.NoError(t, c.Send(rawlisten.Listen))
	t.Cleanup(func() { require.NoError(t, c.Send(rawlisten.Ignore)) })

	c.Drain()
	require.False(t, c.Overran())
	for range 100_000 {
		rename(t)
	}
	require.Less(t, c.Drain(), 100_000)
	require.True(t, c.Overran())
}

func rename(t *testing.T) {
	t.Helper()
	name, err := unix.BytePtrFromString("rawlisten")
	require.NoError(t, err)
	_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0) //nolint:gosec // G103: it is a pointer of prctl(2)
	require.Zero(t, errno)
}
