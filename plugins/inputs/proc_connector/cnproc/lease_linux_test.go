package cnproc

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Without leases a session is of use all the same.
func TestLeaseCannotBeKept(t *testing.T) {
	tests := map[string]func(t *testing.T, k *fakeKernel, dir string){
		"folder": func(t *testing.T, _ *fakeKernel, dir string) {
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
