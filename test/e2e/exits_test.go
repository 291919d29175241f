package e2e_test

import (
	"os"
	"os/exec"
	"os/user"
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

func exitOf(pid int) func(telegraf.Metric) bool {
	return func(m telegraf.Metric) bool { return m.Name() == plugin.Exit && plugin.Int(m, "pid") == int64(pid) }
}

func TestExits(t *testing.T) {
	listeners.Guard(t)
	program, dir := workload.Build(t), t.TempDir()
	me, err := user.Current()
	require.NoError(t, err)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exec_events = false\nexit_events = \"all\"")))

	tests := map[string]struct {
		args   []string
		result string
		want   map[string]interface{}
	}{
		"success": {[]string{"sleep50", "a b"}, "success", map[string]interface{}{"exit_code": int64(0), "core_dumped": false}},
		"failed":  {[]string{"exit", "42"}, "failed", map[string]interface{}{"exit_code": int64(42), "core_dumped": false}},
		"killed": {
			[]string{"signal", "SIGKILL"}, "signaled",
			map[string]interface{}{"exit_code": int64(0), "core_dumped": false, "signal": "SIGKILL"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(program, tt.args...)
			cmd.Dir = dir
			before := time.Now()
			require.NoError(t, cmd.Start())
			_ = cmd.Wait() //nolint:errcheck // it may well fail
			p.Gather()     // and do not wait until the receiver wakes up
			m := p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid))
			reported := time.Now()
			require.Equal(t, map[string]string{"command": "workload", "result": tt.result}, m.Tags())
			fields := m.Fields()
			runtime := plugin.Float(m, "runtime_seconds")
			require.Positive(t, runtime)
			// Of a process with threads the end is when the plugin has seen it.
			require.LessOrEqual(t, runtime, (reported.Sub(before) + clockError).Seconds())
			if tt.result == "success" {
				require.GreaterOrEqual(t, runtime, 0.05)
				require.Equal(t, append([]string{program}, tt.args...), readBack(t, plugin.Text(m, "cmdline")))
			}
			require.WithinRange(t, m.Time(), before.Add(-clockError), reported.Add(clockError))
			delete(fields, "runtime_seconds")
			delete(fields, "cmdline")
			tt.want["pid"], tt.want["ppid"], tt.want["user"] = int64(cmd.Process.Pid), int64(os.Getpid()), me.Username
			require.Equal(t, tt.want, fields)
		})
	}

	// As many as come at one time.
	runs(t, dir, program, "forknoexec", "50")
	p.WaitMetric("the exit", 5*time.Second, exitOf(check.TrueOnce(t)))
	requireUniqueTimes(t, p.Metrics())
}

// Only what fails, with the command line that it had from the exec, although
// exec metrics and their command lines are off.
func TestExitsFailed(t *testing.T) {
	listeners.Guard(t)
	program, dir := workload.Build(t), t.TempDir()
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exec_events = false\nexec_fields = []\nexit_events = \"failed\"")))
	box := newToolbox(t, "ef")
	sh := box.link("sh", "sh")
	runs(t, dir, program, "sleep50")
	cmd := exec.Command(sh, "-c", "sleep 0.05; exit 3", "secret word")
	require.Error(t, cmd.Run())

	m := p.WaitMetric("the failure", 5*time.Second, exitOf(cmd.Process.Pid))
	require.Equal(t, map[string]string{"command": "ef-sh", "result": "failed"}, m.Tags())
	require.Equal(t, cmd.Args, readBack(t, plugin.Text(m, "cmdline")))
	for _, m := range p.Metrics() {
		result, _ := m.GetTag("result")
		require.NotEqual(t, "success", result)
		require.Equal(t, plugin.Exit, m.Name())
	}
}

// A storm of events beyond the limit: the limit is kept, what is left out is
// counted and logged once, and nothing else goes missing.
func TestEventLimit(t *testing.T) {
	listeners.Guard(t)
	program, dir := workload.Build(t), t.TempDir()
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "event_limit = 20\nexit_events = \"all\"")))
	before, start := p.Gather(), time.Now()
	runs(t, dir, program, "forknoexec", "300")
	check.Eventually(t, "the exits are counted", 5*time.Second, func() bool {
		return plugin.Int(p.Gather().Counters, "exits") >= plugin.Int(before.Counters, "exits")+301
	})
	for range 3 {
		requireSums(t, p.Gather())
	}
	r := p.Gather()
	took := time.Since(start)
	events := 0
	for _, m := range p.Metrics() {
		if m.Name() == plugin.Exec || m.Name() == plugin.Exit {
			events++
		}
	}
	require.GreaterOrEqual(t, events, 20)
	require.LessOrEqual(t, float64(events), 20+20*took.Seconds()+20)
	require.GreaterOrEqual(t, plugin.Int(r.Listener, "events_dropped")+int64(events), int64(302))
	require.Positive(t, plugin.Int(r.Listener, "events_dropped"))

	var told []string
	for _, line := range check.Warnings(p.Stderr()) {
		if strings.Contains(line, "event_limit") {
			told = append(told, line)
		}
	}
	require.Len(t, told, 1)
}
