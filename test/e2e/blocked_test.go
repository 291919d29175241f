package e2e_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

const (
	// ignoreLimit is how long the kernel's count may stay up after a stop was
	// asked for, and blockedLimit how long the program may take to end when
	// nobody takes its metrics.
	ignoreLimit  = time.Second
	blockedLimit = 5 * time.Second
)

// unread returns a pipe that nobody reads: its other end is open until the test
// ends.
func unread(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		// A test may have closed one of them, and nothing depends on it.
		_ = read.Close()
		_ = write.Close()
	})
	return read, write
}

// queued returns how many bytes a pipe holds.
func queued(t *testing.T, read *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(read.Fd()), unix.TIOCINQ)
	require.NoError(t, err)
	return n
}

// storm starts n programs that end at once.
func storm(t *testing.T, n int) {
	t.Helper()
	for range n {
		check.TrueOnce(t)
	}
}

// startBlocked starts the plugin and blocks its standard output: metrics fill the
// pipe until no more get in.
func startBlocked(t *testing.T, opts ...plugin.Option) *plugin.Process {
	t.Helper()
	read, write := unread(t)
	// The smallest pipe, which a few events fill.
	_, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	require.NoError(t, err)
	p := plugin.Start(t, append(opts, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))...)

	deadline := time.Now().Add(pace.Wait(20 * time.Second))
	for before := -1; ; {
		storm(t, 50)
		now := queued(t, read)
		if now > 0 && now == before {
			return p
		}
		before = now
		require.True(t, time.Now().Before(deadline), "the pipe still takes metrics")
	}
}

// requireBlockedStop stops the plugin, whose standard output is blocked, and
// checks that the kernel's count is given back first and the program ends soon.
func requireBlockedStop(t *testing.T, l *listeners.Count, p *plugin.Process, stop func()) {
	t.Helper()
	l.Require(1)
	require.False(t, p.Ended())

	start := time.Now()
	stop()
	l.RequireWithin(0, ignoreLimit)
	check.Exited(t, 1, p.Wait(blockedLimit-time.Since(start)))
	l.Require(0)
}

func TestBlockedStdout(t *testing.T) {
	for name, stop := range map[string]func(*plugin.Process){
		"SIGTERM":   func(p *plugin.Process) { p.Signal(syscall.SIGTERM) },
		"SIGINT":    func(p *plugin.Process) { p.Signal(syscall.SIGINT) },
		"stdin EOF": (*plugin.Process).CloseStdin,
	} {
		t.Run(name, func(t *testing.T) {
			l := listeners.Guard(t)
			p := startBlocked(t)
			requireBlockedStop(t, l, p, func() { stop(p) })
			lines := check.Errors(p.Stderr())
			require.Len(t, lines, 1)
			require.Contains(t, lines[0], "stdout did not take the last metrics")
		})
	}
}

// A request for counters is stuck as well.
func TestBlockedStdoutWhileGathering(t *testing.T) {
	l := listeners.Guard(t)
	p := startBlocked(t)
	for range 20 {
		p.Ask()
		p.Signal(syscall.SIGUSR1)
	}
	requireBlockedStop(t, l, p, func() { p.Signal(syscall.SIGTERM) })
}

func TestBlockedStdoutAndStderr(t *testing.T) {
	l := listeners.Guard(t)
	_, write := unread(t)
	fill(t, write)
	p := startBlocked(t, plugin.NoWait(), plugin.Command(func(cmd *exec.Cmd) { cmd.Stderr = write }))
	requireBlockedStop(t, l, p, func() { p.Signal(syscall.SIGTERM) })
}

// fill writes into a pipe until nothing more gets in.
func fill(t *testing.T, write *os.File) {
	t.Helper()
	fd := int(write.Fd())
	require.NoError(t, unix.SetNonblock(fd, true))
	for {
		if _, err := unix.Write(fd, []byte{'\n'}); err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
	}
	// The program that inherits it shares this setting.
	require.NoError(t, unix.SetNonblock(fd, false))
}

// Whoever loses patience sends more signals. None of them may end the program
// before it has given the count back, nor make it take longer.
func TestSignalsWhileStopping(t *testing.T) {
	l := listeners.Guard(t)
	p := startBlocked(t)
	requireBlockedStop(t, l, p, func() {
		p.Signal(syscall.SIGTERM)
		for range 3 {
			for _, sig := range []syscall.Signal{
				syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
			} {
				p.Signal(sig)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// A reader that was slow, and takes up reading during the stop, gets everything.
func TestBlockedStdoutIsReadAgain(t *testing.T) {
	l := listeners.Guard(t)
	read, write := unread(t)
	_, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	require.NoError(t, err)
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))
	require.NoError(t, write.Close())
	l.Require(1)
	for before := -1; before != queued(t, read); {
		before = queued(t, read)
		storm(t, 100)
	}
	last := check.TrueOnce(t)

	p.Signal(syscall.SIGTERM)
	l.RequireWithin(0, ignoreLimit)
	var found bool
	for metric := range lines(t, read) {
		found = found || plugin.ExecOf(last)(metric)
	}
	check.Exited(t, 0, p.Wait(blockedLimit))
	require.True(t, found, "the last exec before the stop")
	require.Empty(t, check.Errors(p.Stderr()))
}

// The reader goes away, as Telegraf does when it is killed.
func TestClosedStdout(t *testing.T) {
	l := listeners.Guard(t)
	read, write := unread(t)
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))
	require.NoError(t, write.Close())
	l.Require(1)

	require.NoError(t, read.Close())
	check.TrueOnce(t)
	check.Exited(t, 1, p.Wait(stopLimit))
	l.Require(0)
	lines := check.Errors(p.Stderr())
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "stdout")
	require.Contains(t, lines[0], "broken pipe")
	require.NotContains(t, lines[0], " W! ", "one message, not another's with its level")
}

// The same, with more waiting to be written than fits.
func TestClosedAfterBlockedStdout(t *testing.T) {
	l := listeners.Guard(t)
	read, write := unread(t)
	_, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	require.NoError(t, err)
	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))
	require.NoError(t, write.Close())
	storm(t, 100)
	require.False(t, p.Ended())
	l.Require(1)

	require.NoError(t, read.Close())
	check.Exited(t, 1, p.Wait(stopLimit))
	l.Require(0)
	require.Len(t, check.Errors(p.Stderr()), 1)
}

// Without a log there is nobody to tell, which is no reason to end.
func TestClosedStderr(t *testing.T) {
	l := listeners.Guard(t)
	read, write := unread(t)
	require.NoError(t, read.Close())
	p := plugin.Start(t, plugin.NoWait(), plugin.Command(func(cmd *exec.Cmd) { cmd.Stderr = write }))
	l.Require(1)
	p.WaitExec(check.TrueOnce(t), stopLimit)
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}
