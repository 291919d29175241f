package balance_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// holdEnv has the test program hold sockets instead of running tests: its value is the
// first port id, how many, and the groups.
const holdEnv = "PROC_CONNECTOR_TEST_HOLD"

func TestMain(m *testing.M) {
	if what := os.Getenv(holdEnv); what != "" {
		if err := hold(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// hold opens the sockets, says so, and ends with stdin.
func hold(what string) error {
	var first, n, groups uint32
	if _, err := fmt.Sscan(what, &first, &n, &groups); err != nil {
		return err
	}
	for i := range n {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
		if err != nil {
			return err
		}
		// As little of the kernel's memory as is possible.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil {
			return err
		}
		address := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}
		if first != 0 {
			address.Pid = first + i
		}
		if err := unix.Bind(fd, address); err != nil {
			return err
		}
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// holders are programs that hold n sockets until the test ends, no more in each than
// descriptors are permitted.
func holders(t *testing.T, first, n, groups uint32) {
	t.Helper()
	const each = 15_000
	for held := uint32(0); held < n; held += each {
		from := first
		if from != 0 {
			from += held
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d", holdEnv, from, min(each, n-held), groups))
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			require.NoError(t, stdin.Close())
			require.NoError(t, cmd.Wait())
		})
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "held\n", line)
	}
}

// promptly fails the test if f takes longer than anything may.
func promptly(t *testing.T, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	require.Less(t, time.Since(began), pace.Limit(promptLimit), what)
}

// crowd is how many members make one. The environment may ask for more, which takes
// the kernel long to make.
func crowd(t *testing.T) uint32 {
	t.Helper()
	n := uint32(3000)
	if more := os.Getenv("PROC_CONNECTOR_TEST_CROWD"); more != "" {
		_, err := fmt.Sscan(more, &n)
		require.NoError(t, err)
	}
	return n
}

// From Linux 6.6 on any user can join the group, with as many sockets as he has
// descriptors. Then every event takes long, and nobody can help that; but no list of
// members is worked through, and nothing is done for each of them.
func TestCrowd(t *testing.T) {
	k := alone(t)
	p := plugin.Start(t)
	requireHears(t, p)
	holders(t, 0, crowd(t), 1)

	promptly(t, "a gather", func() { p.Gather() })
	k.set(-2)
	promptly(t, "a repair", func() {
		requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "deaf_depth": 3, "repairs": 3})
	})
	k.require(1)
	p.WaitStderr("suspiciously many", hearLimit)
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
	holders(t, 0x50430000, 1<<16, 0)

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
