package balance_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// #define FS_IMMUTABLE_FL 0x00000010, include/uapi/linux/fs.h
const fsImmutable = 0x10

// setImmutable is chattr +i, or -i.
func setImmutable(path string, on bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	flags &^= fsImmutable
	if on {
		flags |= fsImmutable
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
}

// immutable makes a file or directory immutable until the test ends, or is skipped.
func immutable(t *testing.T, path string) {
	t.Helper()
	if err := setImmutable(path, true); err != nil {
		t.Skipf("There are no immutable files here: %v", err)
	}
	t.Cleanup(func() { mutable(t, path) })
}

func mutable(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		require.NoError(t, setImmutable(path, false))
	}
}

// canStand reports whether a lease can be made so that its owner cannot take its
// claim back. On some file systems a file that is open for writing can be
// truncated although it is immutable.
func canStand(t *testing.T) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trial")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	immutable(t, path)
	return f.Truncate(0) != nil
}

// A lease that cannot be removed claims what was taken back. Whoever finds it gives
// nothing back for it.
func TestLeaseThatStands(t *testing.T) {
	if !canStand(t) {
		t.Skip("A lease can be emptied here although it is immutable")
	}
	for name, end := range map[string]func(*plugin.Process){
		"SIGTERM":      func(p *plugin.Process) { p.Signal(syscall.SIGTERM) },
		"end of stdin": (*plugin.Process).CloseStdin,
	} {
		t.Run(name, func(t *testing.T) {
			forEachRecovery(t, func(t *testing.T, giveBack recovery) {
				withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
					dir := state.Dir(t)
					p := plugin.Start(t, plugin.StateDir(dir))
					k.require(honest + 1)
					path, text := oneLease(t, dir)
					immutable(t, path)

					end(p)
					check.Exited(t, 0, p.Wait(stopLimit))
					require.Equal(t, honest, k.count())
					require.Empty(t, check.Errors(p.Stderr()))
					require.Len(t, check.Warnings(p.Stderr()), 1, p.Stderr())
					require.Contains(t, check.Warnings(p.Stderr())[0], filepath.Base(path))
					for range 2 {
						left, content := oneLease(t, dir)
						require.Equal(t, path, left)
						require.Equal(t, text, content)
						startAndStop(t, dir)
						k.require(honest)
						if b != nil {
							b.requireHears("when nothing was given back")
						}
					}
					mutable(t, path)
					forget(t, k, b, dir, giveBack)
				})
			})
		})
	}
}

// An orphan that cannot be removed is left for later.
func TestOrphanThatStands(t *testing.T) {
	if !canStand(t) {
		t.Skip("A lease can be emptied here although it is immutable")
	}
	k := alone(t)
	dir := killed(t, k, 1)
	path, _ := oneLease(t, dir)
	immutable(t, path)
	for range 2 {
		p := plugin.Start(t, plugin.StateDir(dir))
		k.require(2)
		requireHears(t, p)
		requireListener(t, p.Gather(), fields{"listening": 1, "released": 0, "deaf": 0})
		require.Len(t, check.Warnings(p.Stderr()), 1, p.Stderr())
		require.Contains(t, check.Warnings(p.Stderr())[0], filepath.Base(path))
		stop(t, p)
		k.require(1)
	}
	mutable(t, path)
	startAndStop(t, dir)
	k.require(0)
	require.Empty(t, leases(t, dir))
}

// The lease cannot be removed from the directory, but it can be emptied, and then it
// claims nothing.
func TestImmutableStateDir(t *testing.T) {
	k := alone(t)
	dir := state.Dir(t)
	p := plugin.Start(t, plugin.StateDir(dir))
	path, _ := oneLease(t, dir)
	immutable(t, dir)
	stop(t, p)
	k.require(0)
	left, content := oneLease(t, dir)
	require.Equal(t, path, left)
	require.Empty(t, content)
	require.Empty(t, check.Errors(p.Stderr()))

	mutable(t, dir)
	startAndStop(t, dir)
	k.require(0)
	require.Empty(t, leases(t, dir))
}
