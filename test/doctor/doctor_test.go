package doctor_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

const stopLimit = 5 * time.Second

func TestHealthy(t *testing.T) {
	l := quiet(t)
	here(t).requireDoctor("healthy", 0)
	l.Require(0)
}

// To find out by how much the connector is silenced takes LISTENs, which are taken
// back.
func TestPoisoned(t *testing.T) {
	l := quiet(t)
	lower(t, 2)
	here(t).requireDoctor("poisoned", 1)
	l.Require(-2)
	raise(t, 2)
}

func TestPoisonedUnderListener(t *testing.T) {
	l := quiet(t)
	conn, leave := bystander(t)
	lower(t, 3)
	here(t).requireDoctor("deaf_below_zero", 1)
	l.Require(-2)
	heard, err := conn.Hears()
	require.NoError(t, err)
	require.False(t, heard)
	raise(t, 3)
	leave()
}

// A member that has sent no LISTEN, or has taken it back and kept its socket, is no
// victim. One that has lost its LISTEN looks the same.
func TestUnheardMember(t *testing.T) {
	for name, enter := range map[string]func(t *testing.T) (leave func()){
		"rider":  ride(false),
		"paused": ride(true),
		"victim": func(t *testing.T) func() {
			_, leave := bystander(t)
			lower(t, 1)
			return func() { leave(); raise(t, 1) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := quiet(t)
			leave := enter(t)
			l.Require(0)
			m := here(t)
			m.requireDoctor("unheard", 0)
			l.Require(0)
			m.requireDoctor("unheard", 0, "--repair")
			l.Require(0)
			require.Zero(t, m.run("reconcile").status)
			l.Require(0)
			leave()
		})
	}
}

// The option repair is about the plugin. Doctor says what that means.
func TestPoisonedWithoutRepair(t *testing.T) {
	l := quiet(t)
	lower(t, 1)
	here(t).requireDoctor("poisoned_no_repair", 1, "--config", plugin.WriteConfig(t, "repair = false\nreceive_buffer = \"64KiB\""))
	l.Require(-1)
	raise(t, 1)
}

func TestListener(t *testing.T) {
	l := quiet(t)
	_, leave := bystander(t)
	here(t).requireDoctor("listener", 0)
	l.Require(1)
	leave()
}

// A LISTEN that nobody will take back is not worth an alarm.
func TestLeaked(t *testing.T) {
	l := quiet(t)
	raise(t, 1)
	here(t).requireDoctor("leaked", 0)
	l.Require(1)
	lower(t, 1)
}

func TestLeases(t *testing.T) {
	l := quiet(t)
	m := here(t)
	p := plugin.Start(t, plugin.StateDir(m.state))
	l.Require(1)
	m.requireDoctor("lease_held", 0)
	l.Require(1)

	p.Signal(syscall.SIGKILL)
	check.Killed(t, p.Wait(stopLimit))
	m.requireDoctor("lease_stale", 0)
	l.Require(1)

	m.requireText("lease_released", m.run("doctor", "--repair"), 0)
	l.Require(0)
	m.requireDoctor("healthy", 0)
}

// What a lease claims may have been taken away by others.
func TestLeaseOfNothing(t *testing.T) {
	l := quiet(t)
	m := here(t)
	p := plugin.Start(t, plugin.StateDir(m.state))
	p.Signal(syscall.SIGKILL)
	check.Killed(t, p.Wait(stopLimit))
	l.Require(1)
	lower(t, 1)
	m.requireDoctor("lease_of_nothing", 0)
	l.Require(0)
	m.requireText("lease_of_nothing_repaired", m.run("doctor", "--repair"), 0)
	l.Require(0)
}

func TestRepair(t *testing.T) {
	l := quiet(t)
	lower(t, 2)
	m := here(t)
	m.requireText("repaired", m.run("doctor", "--repair"), 0)
	l.Require(0)

	lower(t, 2)
	m.requireJSON("repaired", m.run("doctor", "--repair", "--json"), 0)
	l.Require(0)
	m.requireDoctor("healthy", 0, "--repair")
	l.Require(0)
}

// Who listened before it happened hears again, and goes as it came.
func TestRepairForListener(t *testing.T) {
	l := quiet(t)
	conn, leave := bystander(t)
	lower(t, 3)
	m := here(t)
	m.requireText("repaired_listener", m.run("doctor", "--repair"), 0)
	l.Require(1)
	heard, err := conn.Hears()
	require.NoError(t, err)
	require.True(t, heard)
	leave()
}

// --repair is stronger than the option.
func TestRepairByHand(t *testing.T) {
	l := quiet(t)
	lower(t, 1)
	m := here(t)
	m.requireText("repaired_by_hand", m.run("doctor", "--repair", "--config", plugin.WriteConfig(t, "repair = false")), 0)
	l.Require(0)
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Needs root")
	}
}

func TestNamespaces(t *testing.T) {
	requireRoot(t)
	for name, flags := range map[string]uintptr{
		"network_namespace": syscall.CLONE_NEWNET,
		"pid_namespace":     syscall.CLONE_NEWPID,
		"user_namespace":    syscall.CLONE_NEWUSER,
		"all_namespaces":    syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER,
	} {
		t.Run(name, func(t *testing.T) {
			l := quiet(t)
			m := here(t, func(cmd *exec.Cmd) {
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
				if flags&syscall.CLONE_NEWUSER != 0 {
					root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
					cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = root, root
				}
			})
			m.requireDoctor(name, 1)
			m.requireDoctor(name, 1, "--repair")
			l.Require(0)
		})
	}
}

func TestNobody(t *testing.T) {
	requireRoot(t)
	l := quiet(t)
	dir := nobody.Dir(t)
	m := here(t, nobody.Run)
	m.program = nobody.Copy(t, dir, m.program)
	m.state, m.limited = nobody.StateDir(t, dir), true
	if m.anyUser() {
		m.requireDoctor("nobody", 0)
	} else {
		m.requireDoctor("nobody_before_6_6", 1)
	}
	l.Require(0)
}

// Others' directories are not for leases.
func TestStateDirectory(t *testing.T) {
	l := quiet(t)
	m := here(t)
	require.NoError(t, os.Mkdir(m.state, 0o700))
	require.NoError(t, os.Chmod(m.state, 0o777)) //nolint:gosec // G302: this is the mistake
	m.requireDoctor("state_directory", 0)
	l.Require(0)
}

func TestNoProc(t *testing.T) {
	requireRoot(t)
	unshare, err := exec.LookPath("unshare")
	require.NoError(t, err)
	l := listeners.Guard(t)
	m := here(t, func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"unshare", "-m", "sh", "-c", `umount -l /proc && exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = unshare
	})
	m.requireDoctor("no_proc", 1)
	l.Require(0)
}
