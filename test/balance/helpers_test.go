package balance_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// Limits on an ordinary machine; what waits applies the pace. Those that assert
// something are promises, which hold beside other work.
const (
	// countLimit is how long others may take to leave.
	countLimit = time.Second
	// startHearing is what is promised of the time from the start of a program
	// until it has reported an exec. It takes a twentieth of that.
	startHearing = 2 * time.Second
	// hearLimit is how long it may take until an exec is reported.
	hearLimit = 3 * time.Second
	// promptLimit is how long a gather, a start or a stop may take, whatever others
	// have done to the count and to the group. A second is promised of a machine that
	// has nothing else to do.
	promptLimit = 3 * time.Second
	// deepLimit is how long it may take until a count is right again that others
	// have lowered for a second, where two are promised.
	deepLimit = 6 * time.Second
	// startLimit is how long a start may take on a machine that has other things
	// to do.
	startLimit = 10 * time.Second
	// stopLimit is what is promised of a stop.
	stopLimit = 5 * time.Second
)

// Beginnings of what the plugin logs about the count.
const (
	logMended   = "W! [inputs.proc_connector] The process connector was silenced, its listener count "
	logSilenced = "W! [inputs.proc_connector] The process connector is silenced"
	logReleased = "I! [inputs.proc_connector] Released "
	logMistaken = "I! [inputs.proc_connector] Removed 1 lease(s) of killed plugins"
	logKept     = "I! [inputs.proc_connector] Left 1 lease(s) of killed plugins"
	logNoLease  = "W! [inputs.proc_connector] no lease can be kept in "
	logDeaf     = "E! Gathering failed: the process connector is silenced"
)

// requireHears fails the test unless the plugin reports an exec that happens now.
func requireHears(t *testing.T, p *plugin.Process) {
	t.Helper()
	p.WaitExec(check.TrueOnce(t), hearLimit)
}

// requireHearsSince is requireHears for a plugin that was started at the time.
func requireHearsSince(t *testing.T, p *plugin.Process, began time.Time) {
	t.Helper()
	requireHears(t, p)
	require.Less(t, time.Since(began), pace.Limit(startHearing))
}

// requireDeaf fails the test if the plugin reports an exec that happens now, or
// says that it listens.
func requireDeaf(t *testing.T, p *plugin.Process) {
	t.Helper()
	pid := check.TrueOnce(t)
	requireListener(t, p.Gather(), fields{"listening": 0})
	require.Nil(t, p.Find(plugin.ExecOf(pid)))
}

// fields of the measurement proc_connector_listener.
type fields map[string]int64

func requireListener(t *testing.T, r plugin.Report, want fields) {
	t.Helper()
	got := make(fields)
	for name := range want {
		got[name] = plugin.Int(r.Listener, name)
	}
	require.Equal(t, want, got)
}

// requireWarnings fails the test unless the plugin has logged just these warnings,
// told by how they begin, and no error.
func requireWarnings(t *testing.T, p *plugin.Process, want ...string) {
	t.Helper()
	got := check.Warnings(p.Stderr())
	require.Len(t, got, len(want), p.Stderr())
	for i := range want {
		require.True(t, strings.HasPrefix(got[i], want[i]), got[i])
	}
	require.Empty(t, check.Errors(p.Stderr()))
}

// stop ends the plugin, which must not complain.
func stop(t *testing.T, p *plugin.Process) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	check.Exited(t, 0, p.Wait(stopLimit))
}

// kill ends the plugin with kill -9.
func kill(t *testing.T, p *plugin.Process) {
	t.Helper()
	p.Signal(syscall.SIGKILL)
	check.Killed(t, p.Wait(stopLimit))
}
