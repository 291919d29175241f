package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Needs root")
	}
}

// through has another program start the plugin, with the arguments before those
// of the plugin.
func through(t *testing.T, args ...string) plugin.Option {
	t.Helper()
	path, err := exec.LookPath(args[0])
	require.NoError(t, err)
	return plugin.Command(func(cmd *exec.Cmd) {
		cmd.Args = append(append(args, cmd.Path), cmd.Args[1:]...)
		cmd.Path = path
	})
}

// In namespaces of its own the kernel refuses requests, or drops them without a
// word: the plugin must say which, and how a container gets around it.
func TestNamespaces(t *testing.T) {
	requireRoot(t)
	network := []string{"--network=host", "hostNetwork: true"}
	pid := []string{"--pid=host", "hostPID: true"}
	user := []string{"--userns=host", "hostUsers: true"}
	tests := map[string]struct {
		unshare string
		words   []string
		others  []string
	}{
		"network": {
			unshare: "-n",
			words:   slices.Concat(network, []string{"network namespace,"}),
			others:  slices.Concat(pid, user),
		},
		"pid": {
			unshare: "-p -f --kill-child --mount-proc",
			words:   slices.Concat(pid, []string{"pid namespace,"}),
			others:  slices.Concat(network, user),
		},
		// The host's /proc does not hide that the process is elsewhere.
		"pid with the host's proc": {
			unshare: "-p -f --kill-child",
			words:   slices.Concat(pid, []string{"pid namespace,"}),
			others:  slices.Concat(network, user),
		},
		"user": {
			unshare: "-U -r",
			words:   slices.Concat(user, []string{"user namespace,"}),
			others:  slices.Concat(network, pid),
		},
		"pid and user": {
			unshare: "-U -r -p -f --kill-child --mount-proc",
			words:   slices.Concat(pid, user, []string{"pid and user namespaces,"}),
			others:  network,
		},
		"all": {
			unshare: "-n -U -r -p -f --kill-child --mount-proc",
			words:   slices.Concat(network, pid, user, []string{"network, pid and user namespaces,"}),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"unshare"}, strings.Fields(tt.unshare)...)
			line := requireRefusal(t, append(tt.words, "this process is not in the host's "), through(t, args...))
			for _, other := range tt.others {
				require.NotContains(t, line, other)
			}
		})
	}
}

// Without /proc events arrive all the same, and say nothing but numbers.
func TestNoProc(t *testing.T) {
	requireRoot(t)
	for name, hide := range map[string]string{
		"not mounted":    "umount -l /proc",
		"something else": "mount -t tmpfs none /proc",
	} {
		t.Run(name, func(t *testing.T) {
			requireRefusal(t, []string{"/proc", "mount"}, through(t, "unshare", "-m", "sh", "-c", hide+` && exec "$0" "$@"`))
		})
	}
}

func TestWorkingDirectoryIsGone(t *testing.T) {
	l := listeners.Guard(t)
	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o700))
	p := plugin.Start(t, through(t, "sh", "-c", `cd "`+dir+`" && rmdir "`+dir+`" && exec "$0" "$@"`))
	l.Require(1)
	p.WaitExec(check.TrueOnce(t), stopLimit)
	check.Exited(t, 0, p.Stop())
	l.Require(0)
}
