// Package pipeline_test follows what happens on a machine all the way: the plugin,
// as an unprivileged user with the capabilities of its file, a real Telegraf, a
// real InfluxDB, and a query.
package pipeline_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

const (
	// interval is how often Telegraf gathers.
	interval = time.Second
	// gap is how far apart reports may be on a machine that has other things to
	// do. An outage is longer.
	gap = 10 * interval
	// arrival is how long it may take until everything is stored.
	arrival = 60 * time.Second
)

// capabilities are what the plugin makes use of.
const capabilities = "cap_net_admin,cap_sys_nice,cap_sys_ptrace+ep"

// The same as a mask: CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_NICE of
// include/uapi/linux/capability.h.
const capabilityMask = 1<<12 | 1<<19 | 1<<23

const config = `
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_buffer_limit = 100000
  hostname = "pipeline"
  debug = true

[[inputs.execd]]
  command = [%q, "--config", %q]
  signal = "STDIN"
  restart_delay = "1s"
  data_format = "influx"

[[outputs.influxdb]]
  urls = [%q]
  database = %q
`

// A limit would be one more reason for a row to be missing.
const options = `[[inputs.proc_connector]]
  exit_events = "failed"
  event_limit = 0
  max_commands = 1000
`

// A pipeline is the whole way.
type pipeline struct {
	l     *listeners.Count
	db    *influxdb.Server
	agent *telegraf.Agent
	dir   string // where nobody may run programs
}

func start(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{l: listeners.Guard(t), db: influxdb.Start(t, influxdb.Debian(t)), dir: nobody.Dir(t)}
	program := nobody.Copy(t, p.dir, plugin.Build(t))
	out, err := exec.Command("setcap", capabilities, program).CombinedOutput()
	require.NoError(t, err, "%s", out)

	pluginConfig, agentConfig := filepath.Join(p.dir, "plugin.conf"), filepath.Join(p.dir, "telegraf.conf")
	for path, text := range map[string]string{
		pluginConfig: options,
		agentConfig:  fmt.Sprintf(config, program, pluginConfig, p.db.URL(), influxdb.Database),
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // G306: nobody is to read it
	}
	agent := nobody.Copy(t, p.dir, telegraf.Build(t))
	p.agent = telegraf.Start(t, agentConfig, telegraf.StateDir(nobody.StateDir(t, p.dir)), telegraf.Command(func(cmd *exec.Cmd) {
		cmd.Path = agent
		cmd.Dir = p.dir
		nobody.Run(cmd)
	}))
	p.agent.WaitLog(execd.Listens, execd.Timeout)
	p.l.Require(1)
	return p
}

func (p *pipeline) plugin(t *testing.T) int {
	t.Helper()
	pids := execd.Plugins(t, p.agent.Pid())
	require.Len(t, pids, 1)
	return pids[0]
}

// link returns a program under another name, by which it is found again.
func (p *pipeline) link(t *testing.T, name, program string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(t, os.Symlink(program, path))
	return path
}

// rows returns how many execs of a command are stored.
func (p *pipeline) rows(command string) int64 {
	return p.db.Count(`SELECT count("detail") AS "n" FROM %q WHERE "command" = '%s'`, plugin.Exec, command)
}

// requireRows waits until that many execs of a command are stored, and fails the
// test if there are more. Of programs that end at once some may be gone before
// their name is known, as the plugin then says.
func (p *pipeline) requireRows(t *testing.T, command string, want int, short bool) {
	t.Helper()
	check.Eventually(t, fmt.Sprintf("%d execs of %s are stored", want, command), arrival, func() bool {
		n := p.rows(command)
		if short {
			n += p.db.Count(`SELECT count("detail") AS "n" FROM %q WHERE "command" = '_unknown'`, plugin.Exec)
		}
		return n >= int64(want)
	})
	require.LessOrEqual(t, p.rows(command), int64(want))
}

// requireAllStored fails the test unless as many execs are stored as the plugin has
// counted, up to some report: InfluxDB makes one point of two that have the same
// time, and says nothing. What happens at the time of a report may be on either
// side of it, so that it takes one with a little quiet before it.
func (p *pipeline) requireAllStored(t *testing.T) {
	t.Helper()
	check.Eventually(t, "as many execs are stored as were counted", arrival, func() bool {
		reports := p.db.Rows(`SELECT "execs" FROM %q ORDER BY time DESC LIMIT 10`, plugin.Counters)
		for _, report := range reports {
			stored := p.db.Count(`SELECT count("detail") AS "n" FROM %q WHERE time <= %d`, plugin.Exec, p.db.Time(report).UnixNano())
			if stored == p.db.Int(report, "execs") {
				return true
			}
		}
		return false
	})
}

// requireNothingMissed fails the test if the plugin says that it missed anything, in
// any of its reports.
func (p *pipeline) requireNothingMissed(t *testing.T) {
	t.Helper()
	for _, field := range []string{"lost", "events_dropped", "deaf"} {
		require.Zero(t, p.db.Count(`SELECT max(%q) AS "n" FROM %q`, field, plugin.Listener), field)
	}
	require.EqualValues(t, 1, p.db.Count(`SELECT min("listening") AS "n" FROM %q`, plugin.Listener))
}

func TestPipeline(t *testing.T) {
	p := start(t)
	ok := t.Run("rights", p.testRights) &&
		t.Run("command line", p.testCommandLine) &&
		t.Run("burst", p.testBurst) &&
		t.Run("outage", p.testOutage) &&
		t.Run("reload", p.testReload)
	require.True(t, ok)

	require.Zero(t, p.agent.Stop(syscall.SIGTERM).ExitCode())
	p.l.Require(0)
	for line := range strings.Lines(p.agent.Log()) {
		// While the database is away Telegraf has something to complain about.
		if strings.Contains(line, "[inputs.execd]") && !strings.Contains(line, "file already closed") {
			require.NotContains(t, line, " E! ")
			require.NotContains(t, line, " W! ")
			require.NotContains(t, line, `stderr: "`)
		}
	}
}

// The plugin has no rights but those of its file, and these are enough.
func (p *pipeline) testRights(t *testing.T) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.plugin(t)))
	require.NoError(t, err)
	values := make(map[string]string)
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		values[key] = strings.TrimSpace(value)
	}
	id := fmt.Sprintf("%[1]d\t%[1]d\t%[1]d\t%[1]d", nobody.ID)
	require.Equal(t, id, values["Uid"])
	require.Equal(t, id, values["Gid"])
	mask := fmt.Sprintf("%016x", uint64(capabilityMask))
	require.Equal(t, mask, values["CapEff"], "capabilities, unless the file system is mounted nosuid")
	require.Equal(t, mask, values["CapPrm"])
	require.True(t, hasPriority(t, p.plugin(t)), "no thread runs before those of others\n%s", p.agent.Log())
}

// hasPriority reports whether a thread of the process has a real-time priority, or
// less than ordinary niceness, which takes CAP_SYS_NICE.
func hasPriority(t *testing.T, pid int) bool {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		// The fields from the third on: nice is the 19th, policy the 41st.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		require.Greater(t, len(f), 41-3)
		if f[41-3] == strconv.Itoa(unix.SCHED_FIFO) || strings.HasPrefix(f[19-3], "-") {
			return true
		}
	}
	return false
}

// What was run is found by its command line.
func (p *pipeline) testCommandLine(t *testing.T) {
	program := workload.Build(t)
	cmd := exec.Command(program, "sleep50", "two words", "--password=hunter2")
	cmd.Dir = p.dir
	before := time.Now()
	require.NoError(t, cmd.Run())
	after := time.Now()

	line := program + ` sleep50 'two words' '--password=***'`
	query := fmt.Sprintf(`SELECT * FROM %q WHERE "cmdline" = '%s'`, plugin.Exec, strings.ReplaceAll(line, "'", `\'`))
	check.Eventually(t, "the exec is stored", arrival, func() bool { return len(p.db.Rows("%s", query)) > 0 })
	rows := p.db.Rows("%s", query)
	require.Len(t, rows, 1)
	row := rows[0]
	require.EqualValues(t, cmd.Process.Pid, p.db.Int(row, "pid"))
	require.EqualValues(t, os.Getpid(), p.db.Int(row, "ppid"))
	require.Equal(t, "workload", row["command"])
	require.Equal(t, "pipeline", row["host"])
	require.Equal(t, "root", row["user"])
	require.Equal(t, "full", row["detail"])
	// The process is another user's.
	require.Equal(t, program, row["exe"])
	require.Equal(t, p.dir, row["cwd"])
	const clockError = 2 * time.Millisecond
	require.WithinRange(t, p.db.Time(row), before.Add(-clockError), after.Add(clockError))
}

// Many programs of the same name, as fast as one process can start them.
func (p *pipeline) testBurst(t *testing.T) {
	const n = 1000
	require.NoError(t, exec.Command(workload.Build(t), "spawn", strconv.Itoa(n), p.link(t, "burst", "/bin/true")).Run())
	p.requireRows(t, "burst", n, true)
	rows := p.rows("burst")
	for _, field := range []string{"execs", "exits"} {
		check.Eventually(t, "they are counted", arrival, func() bool {
			return p.db.Count(`SELECT last(%q) AS "n" FROM %q WHERE "command" = 'burst'`, field, plugin.Commands) == rows
		})
	}
	p.requireAllStored(t)
	p.requireNothingMissed(t)
	t.Logf("%d of %d by their name", rows, n)
}
