package balance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// A lease that is none: what else may bear such a name. All of them hold, or lead
// to, what a lease holds; nothing is done to them and nothing hangs.
func TestNoLeases(t *testing.T) {
	const name = "lease-0123456789abcdef"
	for kind, lay := range map[string]func(path, elsewhere, text string) error{
		"symbolic link": func(path, elsewhere, _ string) error { return os.Symlink(elsewhere, path) },
		"link to nowhere": func(path, elsewhere, _ string) error {
			return os.Symlink(elsewhere+"-nowhere", path)
		},
		"link to itself": func(path, _, _ string) error { return os.Symlink(name, path) },
		"hard link":      func(path, elsewhere, _ string) error { return os.Link(elsewhere, path) },
		"FIFO":           func(path, _, _ string) error { return unix.Mkfifo(path, 0o600) },
		"directory":      func(path, _, _ string) error { return os.Mkdir(path, 0o700) },
		"socket":         func(path, _, _ string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
		"too long": func(path, _, text string) error {
			return os.WriteFile(path, []byte(text+strings.Repeat("\n", 5000)), 0o600)
		},
		"somebody else's": func(path, _, _ string) error {
			return os.WriteFile(path, []byte("lease {\n  interface \"eth0\";\n}\n"), 0o600)
		},
		"binary": func(path, _, text string) error {
			return os.WriteFile(path, []byte(strings.Repeat("\x00", len(text))), 0o600)
		},
		"huge": func(path, _, text string) error {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			forEachRecovery(t, func(t *testing.T, giveBack recovery) {
				k := alone(t)
				b := enter(t)
				// A lease that would be taken at its word if it had not been moved
				// out of the directory.
				dir := killed(t, k, 1)
				path, text := oneLease(t, dir)
				elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
				require.NoError(t, os.Rename(path, elsewhere))
				none := filepath.Join(dir, name)
				require.NoError(t, lay(none, elsewhere, text))

				giveBack(t, dir)
				k.require(2)
				require.Equal(t, []string{none}, leases(t, dir))
				content, err := os.ReadFile(elsewhere)
				require.NoError(t, err)
				require.Equal(t, text, string(content))
				b.requireHears("after the recovery")
				k.set(1)
			})
		})
	}
}

// Only root believes the leases of others.
func TestLeaseOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Needs root, to become somebody else")
	}
	t.Run("of root", func(t *testing.T) {
		anyone, err := rawlisten.CountsPerSocket() // it came with the same change
		require.NoError(t, err)
		if !anyone {
			t.Skip("Before Linux 6.6 listening needs CAP_NET_ADMIN")
		}
		k := alone(t)
		public := nobody.Dir(t)
		program, dir := nobody.Copy(t, public, plugin.Build(t)), nobody.StateDir(t, public)
		kill(t, plugin.Start(t, plugin.StateDir(dir)))
		k.require(1)
		// That it cannot be read is not what keeps nobody away.
		path, _ := oneLease(t, dir)
		require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // G302: others are to read it

		p := plugin.Start(t, plugin.StateDir(dir), plugin.Command(func(cmd *exec.Cmd) {
			cmd.Path = program
			nobody.Run(cmd)
		}))
		k.require(2)
		requireHears(t, p)
		requireListener(t, p.Gather(), fields{"listening": 1, "released": 0})
		require.Len(t, leases(t, dir), 2)
		stop(t, p)
		k.require(1)
		require.Len(t, leases(t, dir), 1)
		startAndStop(t, dir)
		k.require(0)
	})
	t.Run("of nobody", func(t *testing.T) {
		k := alone(t)
		dir := killed(t, k, 1)
		path, _ := oneLease(t, dir)
		require.NoError(t, os.Chown(path, nobody.ID, nobody.ID))
		startAndStop(t, dir)
		k.require(0)
		require.Empty(t, leases(t, dir))
	})
}

// A directory that somebody has filled with very many files.
func TestManyVoidLeases(t *testing.T) {
	k := alone(t)
	dir := state.Dir(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	for i := range 2000 {
		path := filepath.Join(dir, "lease-"+strconv.Itoa(i))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	p := plugin.Start(t, plugin.StateDir(dir))
	requireHears(t, p)
	k.require(1)
	require.Len(t, leases(t, dir), 1, "its own")
	stop(t, p)
	k.require(0)
	requireWarnings(t, p)
}
