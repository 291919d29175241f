package cnproc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Without leases a session is of use all the same.
func TestLeaseCannotBeKept(t *testing.T) {
	tests := map[string]func(t *testing.T, k *fakeKernel, dir string){
		"directory": func(t *testing.T, _ *fakeKernel, dir string) {
			require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // G302: that is the point
		},
		"creating": func(_ *testing.T, k *fakeKernel, _ string) { k.failTimes("flock", 1) },
		"writing": func(_ *testing.T, k *fakeKernel, _ string) {
			k.locked = func(f *os.File) (bool, error) {
				// A descriptor that cannot be written to in the place of this one.
				null, err := os.Open(os.DevNull)
				if err == nil {
					err = unix.Dup3(int(null.Fd()), int(f.Fd()), unix.O_CLOEXEC)
				}
				return true, errors.Join(err, null.Close())
			}
		},
	}
	for name, setup := range tests {
		t.Run(name, func(t *testing.T) {
			k, dir := newFakeKernel(), stateDir(t)
			setup(t, k, dir)
			s := openFake(t, k, Config{StateDirectory: dir})
			var leaseErr *LeaseError
			require.ErrorAs(t, s.Opening().Err, &leaseErr)
			require.Equal(t, dir, leaseErr.Dir)
			require.ErrorContains(t, leaseErr, "no lease can be kept in "+dir)
			require.Error(t, leaseErr.Unwrap())
			require.True(t, s.Listening())
			require.NoError(t, s.Close())
			require.Zero(t, k.listeners())
			require.Empty(t, leaseFiles(t, dir))
		})
	}
}

// A file is replaced between the look at it and its opening: nothing is done to what
// stands in its place, which root alone may change.
func TestLeaseIsReplaced(t *testing.T) {
	for name, replace := range map[string]func(elsewhere, path string) error{
		"hard link":     os.Link,
		"symbolic link": os.Symlink,
		"FIFO":          func(_, path string) error { return syscall.Mkfifo(path, leaseMode) },
		"nothing":       func(string, string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			k, dir := newFakeKernel(), stateDir(t)
			path := orphan(t, k, dir)
			d, err := openLeaseDir(k.system(), dir)
			require.NoError(t, err)
			defer d.close()
			named, err := d.root.Lstat(filepath.Base(path))
			require.NoError(t, err)

			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			require.NoError(t, os.WriteFile(elsewhere, []byte("precious"), leaseMode))
			require.NoError(t, os.Remove(path))
			require.NoError(t, replace(elsewhere, path))
			file, _ := d.openNamed(named, os.O_RDWR, leaseMode) //nolint:errcheck // some cannot even be opened
			require.Nil(t, file)
			content, err := os.ReadFile(elsewhere)
			require.NoError(t, err)
			require.Equal(t, "precious", string(content))
		})
	}
}

// The lock is a file that others cannot open. One that they can, or that leads
// elsewhere, is refused.
func TestLockFile(t *testing.T) {
	for name, lay := range map[string]func(path string) error{
		"readable by others": func(path string) error { return os.WriteFile(path, nil, 0o644) }, //nolint:gosec // G306: that is the point
		"symbolic link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"directory":          func(path string) error { return os.Mkdir(path, 0o700) },
		"FIFO":               func(path string) error { return syscall.Mkfifo(path, leaseMode) },
	} {
		t.Run(name, func(t *testing.T) {
			k, dir := newFakeKernel(), stateDir(t)
			require.NoError(t, lay(filepath.Join(dir, lockName)))
			_, err := openLeaseDir(k.system(), dir)
			require.ErrorContains(t, err, lockName+" is no file that only this user can open: remove it")
		})
	}
	// Others may look into the directory, as systemd makes it.
	k, dir := newFakeKernel(), stateDir(t)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // G302: that is the point
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, lockName))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(leaseMode), info.Mode())
	locked, unlock := d.lock(0, never)
	require.True(t, locked)
	again, unlockAgain := d.lock(0, never)
	require.False(t, again)
	unlockAgain()
	unlock()
	require.NoError(t, d.close())
}
