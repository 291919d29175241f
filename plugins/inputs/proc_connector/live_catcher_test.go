//go:build linux

package proc_connector

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// breakCatcher puts a pipe that is readable in the place of a catcher's socket.
func breakCatcher(t *testing.T, p *ProcConnector) {
	t.Helper()
	tap := -1
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, entry := range fds {
		fd, err := strconv.Atoi(entry.Name())
		require.NoError(t, err)
		protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
		if err != nil || protocol != unix.NETLINK_CONNECTOR {
			continue
		}
		size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		require.NoError(t, err)
		// The session's shows twice that, the alarm's has the default.
		if size > 1<<20 && size < p.service.session.ReceiveBuffer() {
			tap = fd
		}
	}
	require.GreaterOrEqual(t, tap, 0)

	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	t.Cleanup(func() { require.NoError(t, unix.Close(pipe[1])) })
	_, err = unix.Write(pipe[1], []byte("x"))
	require.NoError(t, err)
	require.NoError(t, unix.Dup3(pipe[0], tap, unix.O_CLOEXEC))
	require.NoError(t, unix.Close(pipe[0]))
	p.service.catchers.Check() // wakes it
}

// When a catcher has ended its work is done by the receiver, which then reads at once
// instead of letting events queue up.
func TestLiveCatcherFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gets the queues by which sockets are told apart")
	}
	p := newPlugin(t)
	log := &testutil.CaptureLogger{}
	p.Log = log
	acc := startLive(t, p)
	// lag runs a program and returns how late its events were handled.
	lag := func() time.Duration {
		p.service.session.TakeLag()
		cmd := exec.Command("/bin/sleep", "0.5")
		require.NoError(t, cmd.Run())
		require.Eventually(t, func() bool { return execOf(acc, cmd.Process.Pid) != nil }, time.Minute, time.Millisecond)
		require.Equal(t, "/bin/sleep 0.5", execOf(acc, cmd.Process.Pid)["cmdline"])
		return p.service.session.TakeLag()
	}
	// Of the events of a program one begins the wait, unless another program's has.
	for deadline := time.Now().Add(time.Minute); lag() < window; {
		require.True(t, time.Now().Before(deadline))
	}
	firstError := func() error {
		acc.Lock()
		defer acc.Unlock()
		return acc.FirstError()
	}
	require.NoError(t, firstError())

	breakCatcher(t, p)
	require.Eventually(t, func() bool { return firstError() != nil }, time.Minute, time.Millisecond)
	require.ErrorContains(t, firstError(), "a catcher has ended")
	require.ErrorContains(t, firstError(), "CPU")
	for deadline := time.Now().Add(time.Minute); lag() >= window; {
		require.True(t, time.Now().Before(deadline))
	}

	require.NoError(t, p.Gather(&testutil.Accumulator{}))
	p.Stop()
	require.Len(t, acc.Errors, 1, "it is told once")
	require.Empty(t, log.Errors())
	require.Empty(t, log.Warnings())
}

// The first line says which CPUs have no catcher because they are isolated.
func TestLiveIsolated(t *testing.T) {
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	require.NoError(t, err)
	var allowed unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &allowed))
	cpu := 0
	for !allowed.IsSet(cpu) {
		cpu++
	}
	sys := t.TempDir()
	dir := filepath.Join(sys, "devices", "system", "cpu")
	require.NoError(t, os.MkdirAll(dir, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "online"), online, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "isolated"), []byte(strconv.Itoa(cpu)+"\n"), 0o600))

	p := newPlugin(t)
	p.host.sys = sys
	log := &testutil.CaptureLogger{}
	p.Log = log
	startLive(t, p)
	var first string
	for _, e := range log.Messages() {
		if strings.Contains(e.Text, "Listening") {
			first = e.Text
		}
	}
	require.Equal(t, "CPU "+strconv.Itoa(cpu), p.IsolatedCPUs())
	require.Contains(t, first, "(none on isolated CPU "+strconv.Itoa(cpu)+")")
}
