// Package doctor_test runs the commands doctor and reconcile of the real program on
// the live kernel, in all the states of the connector that can be made there.
package doctor_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

// commandLimit is how long a command may take.
const commandLimit = 10 * time.Second

// quiet comes first in a test. The test must leave the listener count as it was;
// if it does not it fails, and the count is set right for the next.
//
// Where other programs listen the test is skipped, unless the environment says
// CI=true: they would be seen in what the commands print, and be deafened.
func quiet(t *testing.T) *listeners.Count {
	t.Helper()
	truecount.Lock(t)
	giveUp := t.Skipf
	if os.Getenv("CI") == "true" {
		giveUp = t.Fatalf
	}
	members, err := rawlisten.Members()
	require.NoError(t, err)
	reader, err := truecount.Open()
	if err != nil {
		giveUp("The listener count is out of reach: %v", err)
	}
	count := func() int32 {
		n, err := reader.Read()
		require.NoError(t, err)
		return n
	}
	if n := count(); members != 0 || n != 0 {
		require.NoError(t, reader.Close())
		giveUp("Others listen to the process connector: %d sockets in /proc/net/netlink, listener count %d", members, n)
	}
	// It comes after the check of Guard.
	t.Cleanup(func() {
		for count() > 0 {
			require.NoError(t, rawlisten.Lower())
		}
		for count() < 0 {
			require.NoError(t, rawlisten.Raise())
		}
		require.NoError(t, reader.Close())
	})
	return listeners.Guard(t)
}

// lower is what a program does that sends n IGNOREs too many. It is undone when the
// test ends, unless the test sees to that.
func lower(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, rawlisten.Lower())
	}
}

// raise is what a program does that ends n times without IGNORE, and undoes lower.
func raise(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.NoError(t, rawlisten.Raise())
	}
}

// bystander is another, honest program that listens, until leave.
func bystander(t *testing.T) (conn *rawlisten.Conn, leave func()) {
	t.Helper()
	conn, err := rawlisten.Dial()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.Send(rawlisten.Listen))
	return conn, func() {
		t.Helper()
		require.NoError(t, conn.Send(rawlisten.Ignore))
		require.NoError(t, conn.Close())
	}
}

// ride is a member that the kernel does not count, until leave.
func ride(paused bool) func(t *testing.T) (leave func()) {
	return func(t *testing.T) func() {
		t.Helper()
		conn, err := rawlisten.Ride(paused)
		require.NoError(t, err)
		return func() {
			t.Helper()
			require.NoError(t, conn.Close())
		}
	}
}

// A result is what a command came to.
type result struct {
	status         int
	stdout, stderr string
}

// A machine is where commands are run, and how.
type machine struct {
	t       *testing.T
	program string
	state   string
	limited bool // to net.core.rmem_max
	change  []func(*exec.Cmd)
}

// here is this machine, with a state directory of the test's own.
func here(t *testing.T, change ...func(*exec.Cmd)) *machine {
	t.Helper()
	return &machine{t: t, program: plugin.Build(t), state: state.Dir(t), change: change}
}

// run runs the program with a command.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	cmd := exec.Command(m.program, args...)
	cmd.WaitDelay = time.Second
	state.Use(cmd, m.state)
	for _, change := range m.change {
		change(cmd)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(m.t, cmd.Start())
	late := time.AfterFunc(pace.Wait(commandLimit), func() { _ = cmd.Process.Kill() }) //nolint:errcheck // it may just have ended
	err := cmd.Wait()
	require.True(m.t, late.Stop(), "it did not end within %s", commandLimit)
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		require.NoError(m.t, err)
	}
	return result{status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}
