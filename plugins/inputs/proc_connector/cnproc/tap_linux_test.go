package cnproc

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A tap hears the events of its type and its CPUs as long as a session listens, and
// is nobody to be counted.
func TestLiveTap(t *testing.T) {
	all := CPURange{Last: 0xffff}
	tap, err := OpenTap(all, 1<<20)
	if err != nil && os.Getenv("CI") == "" && !isRoot() {
		t.Skipf("this machine cannot be listened to: %v", err)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, tap.Close()) }()
	nowhere, err := OpenTap(CPURange{First: 0xfff0, Last: 0xffff}, 1<<20)
	require.NoError(t, err)
	defer func() { require.NoError(t, nowhere.Close()) }()

	members, _, err := listMembers("/proc")
	require.NoError(t, err)
	passive := 0
	for m := range members {
		if m.passive() {
			passive++
		}
	}
	require.GreaterOrEqual(t, passive, 2)

	openLive(t, Config{Repair: true})
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())

	var buf TapMessage
	found := false
	for deadline := time.Now().Add(time.Minute); !found && time.Now().Before(deadline); {
		n, from, err := unix.Recvfrom(tap.FD(), buf[:], unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			time.Sleep(time.Millisecond)
			continue
		}
		require.NoError(t, err)
		sender, ok := from.(*unix.SockaddrNetlink)
		require.True(t, ok)
		require.Zero(t, sender.Pid)
		var e Event
		require.NoError(t, Decode(buf[:n], &e))
		require.Equal(t, EventExec, e.What)
		var pid int32
		var timestamp uint64
		require.True(t, buf.Exec(uintptr(n), &pid, &timestamp))
		require.Equal(t, e.Task.TGID, pid)
		require.Equal(t, e.Timestamp, EventTime(timestamp))
		require.False(t, buf.Exec(offEvent+7, &pid, &timestamp), "too short")
		found = e.Task.TGID == int32(cmd.Process.Pid)
	}
	require.True(t, found)
	drops, err := tap.sock.drops()
	require.NoError(t, err)
	require.Zero(t, drops)

	_, _, err = unix.Recvfrom(nowhere.FD(), buf[:], unix.MSG_DONTWAIT)
	require.ErrorIs(t, err, unix.EAGAIN)
}
