package e2e_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// RestrictAddressFamilies= of systemd forbids netlink unless it is named.
func TestNetlinkForbidden(t *testing.T) {
	line := requireRefusal(t, []string{"netlink sockets are forbidden", "RestrictAddressFamilies=", "AF_NETLINK", "address family not supported"},
		through(t, workload.Build(t), "nonetlink"))
	require.NotContains(t, line, "CAP_NET_ADMIN")
}

// With ProcSubset=pid there is no boot id, and so there are no leases. That is one
// warning with the cause; everything else works.
func TestProcSubset(t *testing.T) {
	requireRoot(t)
	l := listeners.Guard(t)
	const hide = `mount -t proc -o subset=pid proc /proc && exec "$0" "$@"`
	if err := exec.Command("unshare", "-m", "sh", "-c", hide, "true").Run(); err != nil {
		t.Skipf("proc cannot be mounted so (Linux 5.8 or later): %v", err)
	}
	p := plugin.Start(t, through(t, "unshare", "-m", "sh", "-c", hide))
	l.Require(1)
	cmd := exec.Command(workload.Build(t), "sleep50")
	require.NoError(t, cmd.Run())
	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, "full", plugin.Text(m, "detail"))
	require.NotEmpty(t, plugin.Text(m, "exe"))
	requireSums(t, p.Gather())
	check.Exited(t, 0, p.Stop())
	l.Require(0)
	require.Empty(t, check.Errors(p.Stderr()))
	warnings := check.Warnings(p.Stderr())
	require.Len(t, warnings, 1, p.Stderr())
	require.Contains(t, warnings[0], "ProcSubset=all")

	out, err := exec.Command("unshare", "-m", "sh", "-c", hide, plugin.Build(t), "doctor").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, strings.Join(strings.Fields(string(out)), " "), "ProcSubset=all")
	require.NotContains(t, string(out), "unknown release")
}

// In a time namespace the plugin's clock is not that of the kernel's events.
func TestTimeNamespace(t *testing.T) {
	requireRoot(t)
	for name, offsets := range map[string][]string{
		"ahead":  {"--monotonic", "86400", "--boottime", "200000"},
		"behind": {"--monotonic", "-5", "--boottime", "-60"},
	} {
		t.Run(name, func(t *testing.T) {
			listeners.Guard(t)
			unshare := append([]string{"unshare", "-T"}, offsets...)
			// Kernels differ in whether exec enters the namespace.
			out, err := exec.Command(unshare[0], append(unshare[1:], "readlink", "/proc/self/ns/time")...).Output()
			host, hostErr := os.Readlink("/proc/self/ns/time")
			if err != nil || hostErr != nil || strings.TrimSpace(string(out)) == host {
				t.Skipf("no time namespace can be had (%v, %v)", err, hostErr)
			}

			began := time.Now()
			old := exec.Command("sleep", "60")
			require.NoError(t, old.Start())
			p := plugin.Start(t, append([]plugin.Option{through(t, unshare...)},
				plugin.Args("--config", plugin.WriteConfig(t, "exit_events = \"all\"")))...)
			p.WaitExec(check.TrueOnce(t), 5*time.Second) // the processes that run have been read
			runs := startAll(t, "/", [][]string{{"sleep", "0.05"}})
			require.NoError(t, old.Process.Kill())
			require.Error(t, old.Wait(), "killed")
			took := time.Since(began)

			m := p.WaitExec(runs[0].pid, 5*time.Second)
			require.Equal(t, "full", plugin.Text(m, "detail"))
			m = p.WaitMetric("the exit", 5*time.Second, exitOf(runs[0].pid))
			for _, m := range p.Metrics() {
				require.GreaterOrEqual(t, m.Time(), began.Add(-clockError))
				require.LessOrEqual(t, m.Time(), time.Now().Add(clockError))
			}
			runtime := func(m telegraf.Metric) float64 {
				value, ok := m.GetField("runtime_seconds")
				require.True(t, ok)
				seconds, ok := value.(float64)
				require.True(t, ok)
				return seconds
			}
			require.GreaterOrEqual(t, runtime(m), 0.05)
			require.LessOrEqual(t, runtime(m), runs[0].after.Sub(runs[0].before).Seconds())
			// Its start is what /proc says, exact to 10 ms.
			m = p.WaitMetric("the old one's exit", 5*time.Second, exitOf(old.Process.Pid))
			require.Greater(t, runtime(m), 0.05)
			require.LessOrEqual(t, runtime(m), (took + 20*time.Millisecond).Seconds())

			r := p.Gather()
			requireSums(t, r)
			lag, ok := r.Listener.GetField("lag_seconds")
			require.True(t, ok)
			require.Less(t, lag, time.Since(began).Seconds())
			require.Greater(t, lag, 0.0)
		})
	}
}
