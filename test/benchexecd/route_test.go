package benchexecd

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	agent "github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

// settle bounds how long metrics may be under way after the last event.
const settle = 30 * time.Second

// A route is the plugin under a Telegraf that writes into a file.
type route struct {
	b       *testing.B
	agent   *agent.Agent
	plugin  int // its pid
	file    *os.File
	reader  *bufio.Reader
	partial []byte // of a line

	started             time.Time
	agentCPU, pluginCPU time.Duration // until then

	// What has arrived so far.
	execs, gone int64
	listener    telegraf.Metric
}

// start starts both, with variables of the environment for the plugin.
func start(b *testing.B, ready string, environment ...string) *route {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "metrics")
	quoted := make([]string, 0, len(environment))
	for _, v := range environment {
		quoted = append(quoted, strconv.Quote(v))
	}
	// These are the settings that the README recommends where many programs are
	// started.
	config := fmt.Sprintf(`
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 100000
  omit_hostname = true

[[inputs.execd]]
  command = [%q, "--config", %q, "--poll-interval", "0"]
  environment = [%s]
  signal = "STDIN"
  restart_delay = "1h"
  data_format = "influx"

[[outputs.file]]
  files = [%q]
  data_format = "influx"
`, plugin.BuildFeed(b), plugin.WriteConfig(b, "event_limit = 0"), strings.Join(quoted, ", "), path)
	require.NoError(b, os.WriteFile(filepath.Join(dir, "telegraf.conf"), []byte(config), 0o600))
	a := agent.Start(b, filepath.Join(dir, "telegraf.conf"))
	a.WaitLog(ready, execd.Timeout)
	pids := execd.Plugins(b, a.Pid())
	require.Len(b, pids, 1)

	file, err := os.Open(path)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, file.Close()) })
	r := &route{b: b, agent: a, plugin: pids[0], file: file, reader: bufio.NewReaderSize(file, 1<<20)}
	r.started = time.Now()
	r.agentCPU, r.pluginCPU = cpu(b, a.Pid()), cpu(b, pids[0])
	return r
}

// read takes in what has arrived since it was last called, and counts the execs
// that are ours.
func (r *route) read(ours func(line []byte) bool) {
	r.b.Helper()
	for {
		line, err := r.reader.ReadSlice('\n')
		r.partial = append(r.partial, line...)
		if err != nil {
			return // that is all for now
		}
		switch {
		case bytes.HasPrefix(r.partial, []byte(plugin.Exec+",")) && ours(r.partial):
			r.execs++
			if bytes.Contains(r.partial, []byte(`,detail="gone"`)) {
				r.gone++
			}
		case bytes.HasPrefix(r.partial, []byte(plugin.Listener+" ")):
			metrics, err := plugin.Parse(string(r.partial))
			require.NoError(r.b, err)
			r.listener = metrics[0]
		}
		r.partial = r.partial[:0]
	}
}

// wait reads until that many execs have arrived, or nothing has for long.
func (r *route) wait(ours func(line []byte) bool, execs int64) {
	r.b.Helper()
	for last, at := int64(-1), time.Now(); r.execs < execs && time.Since(at) < settle; time.Sleep(10 * time.Millisecond) {
		r.read(ours)
		if r.execs != last {
			last, at = r.execs, time.Now()
		}
	}
}

// spent returns how much CPU time the plugin and Telegraf took since the start.
func (r *route) spent() (pluginCPU, agentCPU time.Duration) {
	r.b.Helper()
	return cpu(r.b, r.plugin) - r.pluginCPU, cpu(r.b, r.agent.Pid()) - r.agentCPU
}

// end stops both. A Telegraf that had to drop metrics says so in its log.
func (r *route) end() {
	r.b.Helper()
	require.Zero(r.b, r.agent.Stop(syscall.SIGTERM).ExitCode())
	require.NotContains(r.b, r.agent.Log(), "overflow")
	execd.RequireWellLogged(r.b, r.agent)
}

// userHz is the unit of times in /proc: USER_HZ of include/asm-generic/param.h,
// the same on all architectures that matter.
const userHz = 100

// cpu returns the CPU time that a process has taken.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	// After the name come the state, which is field 3 of proc(5), and so on to
	// utime and stime, fields 14 and 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(b, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHz
}

// perMetric is a time in microseconds a metric.
func perMetric(d time.Duration, metrics int64) float64 {
	return d.Seconds() * 1e6 / float64(max(metrics, 1))
}

// profile returns the variable of the environment that has the plugin write a
// profile, and where it will be.
func profile(b *testing.B, name string) (variable, path string) {
	b.Helper()
	path = repo.Artifact(b, name+".pprof")
	return "PROC_CONNECTOR_PROFILE=" + path, path
}
