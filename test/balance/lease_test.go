package balance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// killed leaves n plugins dead, with a lease each, and returns the directory.
func killed(t *testing.T, k *kernel, n int) string {
	t.Helper()
	before := k.count()
	dir := state.Dir(t)
	dead := make([]*plugin.Process, n)
	for i := range dead {
		dead[i] = plugin.Start(t, plugin.StateDir(dir))
	}
	for _, p := range dead {
		kill(t, p)
	}
	k.require(before + int32(n))
	require.Len(t, leases(t, dir), n)
	return dir
}

func TestKilled(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
			dir := killed(t, k, n)
			p := plugin.Start(t, plugin.StateDir(dir))
			k.require(honest + 1)
			requireHears(t, p)
			requireListener(t, p.Gather(), fields{"listening": 1, "listens": 1, "deaf": 0, "repairs": 0, "released": int64(n)})
			require.Equal(t, 1, strings.Count(p.Stderr(), logReleased), p.Stderr())
			require.Len(t, leases(t, dir), 1, "its own")
			if b != nil {
				b.requireHears("after the start")
			}

			stop(t, p)
			k.require(honest)
			require.Empty(t, leases(t, dir))
			if b != nil {
				b.requireHears("after the stop")
			}
			requireWarnings(t, p)
		})
	}
}

func TestKilledAndRecovered(t *testing.T) {
	forEachRecovery(t, func(t *testing.T, giveBack recovery) {
		withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
			dir := killed(t, k, 2)
			giveBack(t, dir)
			k.require(honest)
			require.Empty(t, leases(t, dir))
			if b != nil {
				b.requireHears("when all was given back")
			}
			giveBack(t, dir) // nothing
			k.require(honest)
		})
	})
}

// A lease that claims nothing, or what is not there any more, gives nothing back
// and is removed.
func TestVoidLease(t *testing.T) {
	for name, edit := range map[string]func(text string) string{
		"another boot": func(text string) string {
			lines := strings.Split(text, "\n")
			lines[1] = "boot 01234567-89ab-cdef-0123-456789abcdef"
			return strings.Join(lines, "\n")
		},
		"empty":              func(string) string { return "" },
		"torn":               func(text string) string { return text[:len(text)/2] },
		"torn at the end":    func(text string) string { return text[:len(text)-1] },
		"more than there is": func(text string) string { return text + text },
	} {
		t.Run(name, func(t *testing.T) {
			forEachRecovery(t, func(t *testing.T, giveBack recovery) {
				k := alone(t)
				b := enter(t)
				dir := killed(t, k, 1)
				path, text := oneLease(t, dir)
				require.NoError(t, os.WriteFile(path, []byte(edit(text)), 0o600))

				giveBack(t, dir)
				require.Empty(t, leases(t, dir))
				b.requireHears("after the recovery")
				k.require(2)
				k.set(1) // what nobody can know of
			})
		})
	}
}

// The LISTEN that a lease claims was used up by another program's IGNORE. That is
// noticed before it is given back.
func TestMistakenLease(t *testing.T) {
	k := alone(t)
	dir := killed(t, k, 1)
	k.set(0)
	p := plugin.Start(t, plugin.StateDir(dir))
	k.require(1)
	requireHears(t, p)
	requireListener(t, p.Gather(), fields{"listening": 1, "released": 0})
	require.Len(t, leases(t, dir), 1, "its own")

	stop(t, p)
	k.require(0)
	require.Equal(t, 1, strings.Count(p.Stderr(), logMistaken), p.Stderr())
	requireWarnings(t, p)
}

// With a bystander nothing shows whether the claim is wrong, and so the lease is left
// alone until there is no bystander.
func TestMistakenLeaseWithBystander(t *testing.T) {
	forEachRecovery(t, func(t *testing.T, giveBack recovery) {
		k := alone(t)
		b := enter(t)
		dir := killed(t, k, 1)
		k.set(1)
		giveBack(t, dir)
		k.require(1)
		b.requireHears("after the recovery")
		require.Len(t, leases(t, dir), 1)

		b.leave()
		giveBack(t, dir)
		k.require(0)
		require.Empty(t, leases(t, dir))
	})
}

// A lease that a member of the plugin's group has forged, with a directory and a
// configuration of his own: it gives back nothing that is an honest listener's.
func TestForgedLease(t *testing.T) {
	for _, repair := range []string{"false", "true"} {
		for _, bystanders := range []int{1, 2} {
			t.Run(fmt.Sprintf("repair %s, %d bystanders", repair, bystanders), func(t *testing.T) {
				k := alone(t)
				var all []*bystander
				for range bystanders {
					all = append(all, enter(t))
				}
				dir := state.Dir(t)
				require.NoError(t, os.Mkdir(dir, 0o700))
				for i := range 3 {
					forge(t, filepath.Join(dir, fmt.Sprintf("lease-%d", i)))
				}
				config := plugin.WriteConfig(t, fmt.Sprintf("repair = %s\nstate_directory = %q", repair, dir))
				out, err := exec.Command(plugin.Build(t), "reconcile", "--config", config).CombinedOutput()
				require.NoError(t, err, "%s", out)
				k.require(int32(bystanders))
				p := plugin.Start(t, plugin.Args("--config", config))
				requireHears(t, p)
				stop(t, p)
				k.require(int32(bystanders))
				for i, b := range all {
					for _, b := range all[i:] {
						b.requireHears("after the recovery")
					}
					b.leave()
				}
			})
		}
	}
}

// forge writes a lease that claims a LISTEN which nobody has sent.
func forge(t *testing.T, path string) {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &st))
	_, err = fmt.Fprintf(f, "telegraf-proc-connector lease\nboot %spid 1\ninode %d\nend\n", boot, st.Ino)
	require.NoError(t, err)
}

// The same, and worse: what a mended count is worth does not depend on leases.
func TestLeasesAndPoison(t *testing.T) {
	for _, poison := range []int32{-1, -3} {
		withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
			dir := killed(t, k, 2)
			k.set(poison)
			p := plugin.Start(t, plugin.StateDir(dir))
			k.require(honest + 1)
			requireHears(t, p)
			requireListener(t, p.Gather(), fields{"listening": 1, "released": 0, "deaf": 1})
			require.Len(t, leases(t, dir), 1, "its own")
			if b != nil {
				b.requireHears("after the start")
			}

			stop(t, p)
			k.require(honest)
			requireWarnings(t, p, logMended)
		})
	}
}

// Somebody tidies up while the plugin runs.
func TestLeaseRemovedWhileRunning(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"the lease": func(dir string) error {
			paths, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				return err
			}
			for _, path := range paths {
				if err := os.Remove(path); err != nil {
					return err
				}
			}
			return nil
		},
		"the directory": os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			k := alone(t)
			dir := state.Dir(t)
			p := plugin.Start(t, plugin.StateDir(dir))
			require.NoError(t, remove(dir))
			require.Empty(t, leases(t, dir))
			requireListener(t, p.Gather(), fields{"listening": 1})
			requireHears(t, p)

			stop(t, p)
			k.require(0)
			requireWarnings(t, p)

			// Killed, it leaves one that nobody can know of.
			p = plugin.Start(t, plugin.StateDir(dir))
			require.NoError(t, remove(dir))
			kill(t, p)
			startAndStop(t, dir)
			k.require(1)
			k.set(0)
		})
	}
}
