package cnproc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What is in the way is named, with what to do about it, and everything else is
// left as it is.
func TestDialError(t *testing.T) {
	other := errors.New("other")
	require.Equal(t, other, dialError(other))
	require.Equal(t, unix.EADDRINUSE, dialError(unix.EADDRINUSE))
	require.ErrorIs(t, dialError(os.NewSyscallError("socket", unix.EPROTONOSUPPORT)), ErrNoConnector)
	for _, errno := range []unix.Errno{unix.EAFNOSUPPORT, unix.EPERM, unix.EACCES} {
		err := dialError(os.NewSyscallError("socket", errno))
		require.ErrorIs(t, err, ErrNetlinkDenied)
		require.ErrorIs(t, err, errno)
		require.NotErrorIs(t, err, ErrPermission, "no capability would help")
	}
}

func TestDropsError(t *testing.T) {
	require.ErrorIs(t, dropsError(unix.ENOPROTOOPT), ErrOldKernel)
	require.NotErrorIs(t, dropsError(unix.EBADF), ErrOldKernel)
}

// Before Linux 4.12 nothing is begun.
func TestOldKernel(t *testing.T) {
	k := newFakeKernel()
	sys := k.system()
	dial := sys.dial
	sys.dial = func() (socket, error) {
		s, err := dial()
		return withoutMeminfo{s}, err
	}
	_, err := openOn(sys, Config{})
	require.ErrorIs(t, err, ErrOldKernel)
	require.ErrorIs(t, err, unix.ENOPROTOOPT)
	require.Zero(t, k.called("LISTEN"))
	require.Zero(t, k.open())
}

type withoutMeminfo struct{ socket }

func (withoutMeminfo) drops() (uint32, error) { return 0, dropsError(unix.ENOPROTOOPT) }

// timeProc makes a proc with these links and offsets; those that are empty are not
// there.
func timeProc(t *testing.T, own, children, offsets string) string {
	t.Helper()
	proc := t.TempDir()
	ns := filepath.Join(proc, "self", "ns")
	require.NoError(t, os.MkdirAll(ns, 0o750))
	for name, target := range map[string]string{"time": own, "time_for_children": children} {
		if target != "" {
			require.NoError(t, os.Symlink(target, filepath.Join(ns, name)))
		}
	}
	if offsets != "" {
		require.NoError(t, os.WriteFile(filepath.Join(proc, "self", "timens_offsets"), []byte(offsets), 0o600))
	}
	return proc
}

func TestTimeOffset(t *testing.T) {
	const host, other, third = "time:[4026531834]", "time:[4026532176]", "time:[4026532177]"
	for name, tt := range map[string]struct {
		own, children, offsets string
		want                   time.Duration
		err                    bool
	}{
		"old kernel":         {},
		"host":               {own: host, children: host, offsets: "monotonic           0         0\nboottime            0         0\n"},
		"host, children not": {own: host, children: other, offsets: "monotonic       86400         0\nboottime        86400         0\n"},
		"ahead": {
			own: other, children: other, offsets: "monotonic       86400         5\nboottime       200000         0\n", want: 24*time.Hour + 5,
		},
		"behind": {
			own: other, children: other, offsets: "monotonic         -10 500000000\nboottime          -10         0\n", want: -9500 * time.Millisecond,
		},
		"order":               {own: other, children: other, offsets: "boottime 7 0\nmonotonic 8 0\n", want: 8 * time.Second},
		"not the offsets":     {own: other, children: third, offsets: "monotonic 1 0\nboottime 1 0\n", err: true},
		"no offsets":          {own: other, children: other, err: true},
		"offsets are no text": {own: other, children: other, offsets: "x\n", err: true},
		"children's unknown":  {own: other, offsets: "monotonic 1 0\n", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readTimeOffset(filepath.Join(timeProc(t, tt.own, tt.children, tt.offsets), "self"))
			require.Equal(t, tt.want, time.Duration(got))
			if tt.err {
				require.ErrorIs(t, err, ErrTimeNamespace)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// Of a proc that shows processes only, the lease's error says so.
func TestBootIDOfProcSubset(t *testing.T) {
	proc := t.TempDir()
	_, err := BootID(proc)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrProcSubset, "that is no proc at all")

	require.NoError(t, os.MkdirAll(filepath.Join(proc, "self"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "self", "stat"), []byte("1 (x) R"), 0o600))
	_, err = BootID(proc)
	require.ErrorIs(t, err, ErrProcSubset)
	text := (&LeaseError{Dir: "/run/x", Err: err}).Error()
	require.Contains(t, text, "ProcSubset=all")
	require.NotContains(t, text, "will do", "another directory would not help")
	require.NotContains(t, text, "\n")
}
