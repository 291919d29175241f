package balance_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// sockets opens up to n connector sockets, each bound to what address says, and
// returns how many there are: fewer where descriptors end.
func sockets(t *testing.T, n int, address func(i int) *unix.SockaddrNetlink) int {
	t.Helper()
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	most := syscall.Rlimit{Cur: uint64(n + 1000), Max: max(old.Max, uint64(n+1000))}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
		most = syscall.Rlimit{Cur: old.Max, Max: old.Max}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most))
	}
	var fds []int
	t.Cleanup(func() {
		for _, fd := range fds {
			require.NoError(t, unix.Close(fd))
		}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old))
	})
	for i := range n {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			break
		}
		require.NoError(t, err)
		fds = append(fds, fd)
		// As little of the kernel's memory as is possible.
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
		require.NoError(t, unix.Bind(fd, address(i)))
	}
	return len(fds)
}

// promptly fails the test if f takes longer than anything may.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	require.Less(t, time.Since(began), pace.Limit(promptLimit), what)
}

// From Linux 6.6 on any user can join the group, with as many sockets as he has
// descriptors. Then every event takes long, and nobody can help that; but no list of
// members is worked through, and nothing is done for each of them.
func TestCrowd(t *testing.T) {
	k := alone(t)
	p := plugin.Start(t)
	requireHears(t, p)
	n := sockets(t, 100_000, func(int) *unix.SockaddrNetlink { return &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1} })
	require.Greater(t, n, 1100)
	t.Logf("%d members", n)

	promptly(t, "a gather", func() { p.Gather() })
	k.set(-2)
	promptly(t, "a repair", func() {
		requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "deaf_depth": 3, "repairs": 3})
	})
	k.require(1)
	require.Len(t, check.Warnings(p.Stderr()), 1, p.Stderr())
	require.Contains(t, check.Warnings(p.Stderr())[0], "suspiciously many")
	promptly(t, "a stop", func() { stop(t, p) })
	k.require(0)

	k.set(-2)
	promptly(t, "a start", func() { p = plugin.Start(t) })
	k.require(1)
	promptly(t, "a stop", func() { stop(t, p) })
	k.require(0)
}

// Port ids that look like the plugin's own passive members can be had by anybody: all
// that the first versions chose from are taken here.
func TestPortIDsAreTaken(t *testing.T) {
	k := alone(t)
	const first, count = 0x50430000, 1 << 16
	n := sockets(t, count, func(i int) *unix.SockaddrNetlink {
		return &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: first + uint32(i)}
	})
	t.Logf("%d of %d ids", n, count)

	p := plugin.Start(t)
	requireHears(t, p)
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 0})
	k.set(-3)
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "repairs": 4})
	requireHears(t, p)
	stop(t, p)
	k.require(0)
	requireWarnings(t, p, tooLow(4))
}
