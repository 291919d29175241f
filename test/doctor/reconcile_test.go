package doctor_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// requireReconcile runs the command, which must succeed and print nothing but one
// line of log.
func (m *machine) requireReconcile(want string) {
	m.t.Helper()
	r := m.run("reconcile")
	require.Empty(m.t, r.stdout)
	require.Equal(m.t, want+"\n", r.stderr)
	require.Zero(m.t, r.status)
}

func TestReconcile(t *testing.T) {
	l := quiet(t)
	m := here(t)
	for range 3 {
		p := plugin.Start(t, plugin.StateDir(m.state))
		p.Signal(syscall.SIGKILL)
		check.Killed(t, p.Wait(stopLimit))
		l.Require(1)
		m.requireReconcile("I! Released 1 listener(s) that killed plugins had left in the kernel's count")
		l.Require(0)
	}
}

// A plugin that lives keeps what is its own.
func TestReconcileBesidePlugin(t *testing.T) {
	l := quiet(t)
	m := here(t)
	plugin.Start(t, plugin.StateDir(m.state))
	l.Require(1)
	m.requireReconcile("I! There is nothing to release: no killed plugin has left a lease in " + m.state)
	l.Require(1)
}

func TestReconcileNothing(t *testing.T) {
	l := quiet(t)
	m := here(t)
	m.requireReconcile("I! There is nothing to release: no killed plugin has left a lease in " + m.state)
	l.Require(0)
}

func TestReconcilePoisoned(t *testing.T) {
	l := quiet(t)
	m := here(t)
	lower(t, 2)
	m.requireReconcile("W! The process connector was silenced, and was repaired with 2 LISTENs: another program, " +
		"or from Linux 6.6 on any user, has sent the kernel unmatched IGNOREs")
	l.Require(0)
}

// Without leave to repair there is no telling whether what is given back was there.
func TestReconcilePoisonedWithoutRepair(t *testing.T) {
	l := quiet(t)
	lower(t, 1)
	r := here(t).run("reconcile", "--config", plugin.WriteConfig(t, "repair = false"))
	l.Require(-1)
	require.Equal(t, 1, r.status)
	require.Regexp(t, `^E! Reconciling failed: nothing was released: the process connector is silenced.* `+
		`\(telegraf-proc-connector doctor shows more\)\n$`, r.stderr)
	raise(t, 1)
}

func TestReconcileBadConfiguration(t *testing.T) {
	l := quiet(t)
	file := plugin.WriteConfig(t, "repair = 1")
	r := here(t).run("reconcile", "--config", file)
	require.Equal(t, 1, r.status)
	require.Regexp(t, "^E! "+file+": .*repair.*\n$", r.stderr)
	l.Require(0)
}

func TestReconcileNoStateDirectory(t *testing.T) {
	l := quiet(t)
	m := here(t)
	require.NoError(t, os.WriteFile(m.state, nil, 0o600))
	r := m.run("reconcile")
	require.Equal(t, 1, r.status)
	require.Regexp(t, "^E! Reconciling failed: no lease can be kept in "+m.state+".*not a directory", r.stderr)
	l.Require(0)
}
