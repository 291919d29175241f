// Package execd runs the plugin as operators do: under the execd input of a real
// Telegraf.
package execd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

// Timeout bounds how long a Telegraf may take for anything.
const Timeout = 20 * time.Second

// Listens is the plugin's line as Telegraf logs it.
const Listens = "I! [inputs.execd] [inputs.proc_connector] Listening to the process connector"

// agent is a Telegraf that has something to do besides the plugin, so that it runs
// without it too.
const agent = `
[agent]
  interval = "200ms"
  flush_interval = "100ms"
  omit_hostname = true
  debug = true

[[inputs.execd]]
  command = ["sh", "-c", "exec cat"]
  alias = "other"
  data_format = "influx"

[[outputs.file]]
  files = ["stdout"]
  data_format = "influx"
  influx_uint_support = true
`

// Section is the part of a configuration that runs the plugin with the options.
func Section(t testing.TB, options string) string {
	t.Helper()
	return fmt.Sprintf(`
[[inputs.execd]]
  command = [%q, "--config", %q]
  signal = "STDIN"
  restart_delay = "1s"
  data_format = "influx"
`, plugin.Build(t), plugin.WriteConfig(t, options))
}

// WriteConfig writes a configuration of Telegraf with the sections.
func WriteConfig(t testing.TB, path string, sections ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(agent+strings.Join(sections, "")), 0o600))
}

// Start runs Telegraf with the plugin, and returns it with the path of its
// configuration once the plugin listens.
func Start(t testing.TB) (a *telegraf.Agent, config string) {
	t.Helper()
	config = filepath.Join(t.TempDir(), "telegraf.conf")
	WriteConfig(t, config, Section(t, ""))
	a = telegraf.Start(t, config)
	a.WaitLog(Listens, Timeout)
	return a, config
}

// comm is the plugin's name as the kernel cuts it.
const comm = "telegraf-proc-c"

// Plugins returns the pids of the plugins that a process has started.
func Plugins(t testing.TB, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var pids []int
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		var pid, ppid int
		var state string
		_, err = fmt.Sscan(string(stat[:open]), &pid)
		require.NoError(t, err)
		_, err = fmt.Sscan(string(stat[end+1:]), &state, &ppid)
		require.NoError(t, err)
		if ppid == parent && string(stat[open+1:end]) == comm {
			pids = append(pids, pid)
		}
	}
	return pids
}

// RequireWellLogged fails the test if the log holds errors, or lines of the plugin
// whose level Telegraf did not understand.
func RequireWellLogged(t testing.TB, a *telegraf.Agent) {
	t.Helper()
	for line := range strings.Lines(a.Log()) {
		// Execd waits for a process while it reads from it, so that the pipes
		// may be closed under its hands (internal/process of Telegraf).
		if strings.Contains(line, "Error in plugin: ") && strings.Contains(line, "file already closed") {
			continue
		}
		require.NotContains(t, line, " E! ")
		require.NotContains(t, line, `stderr: "`)
	}
}
