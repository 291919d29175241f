package telegraf_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

const timeout = 20 * time.Second

// writeConfig writes a configuration whose external plugin emits one metric and
// then waits for the end of its standard input.
func writeConfig(t *testing.T, metric string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "telegraf.conf")
	overwriteConfig(t, path, metric)
	return path
}

func overwriteConfig(t *testing.T, path, metric string) {
	t.Helper()
	config := fmt.Sprintf(`
[agent]
  interval = "100ms"
  flush_interval = "100ms"
  omit_hostname = true

[[inputs.execd]]
  command = ["sh", "-c", "echo %s; exec cat"]
  signal = "none"
  data_format = "influx"

[[outputs.file]]
  files = ["stdout"]
  data_format = "influx"
`, metric)
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
}

func TestVersion(t *testing.T) {
	binary := telegraf.Build(t)
	out, err := exec.Command(binary, "--version").Output()
	require.NoError(t, err)
	require.Equal(t, "Telegraf 1.39.3\n", string(out))
}

func TestBuildIsKept(t *testing.T) {
	before, err := os.Stat(telegraf.Build(t))
	require.NoError(t, err)
	after, err := os.Stat(telegraf.Build(t))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	require.Equal(t, before.ModTime(), after.ModTime())

	left, err := filepath.Glob(filepath.Join(filepath.Dir(telegraf.Build(t)), "telegraf-*.tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestReloadAndStop(t *testing.T) {
	config := writeConfig(t, "first value=1i")
	a := telegraf.Start(t, config)
	require.NoError(t, syscall.Kill(a.Pid(), 0))
	a.WaitStdout("first value=1i", timeout)
	require.NotContains(t, a.Stdout(), "second")

	overwriteConfig(t, config, "second value=2i")
	a.Reload()
	a.WaitStdout("second value=2i", timeout)
	require.Equal(t, 2, strings.Count(a.Log(), "Starting Telegraf"))

	state := a.Stop(syscall.SIGTERM)
	require.Equal(t, 0, state.ExitCode())
	require.Contains(t, a.Log(), "Stopping running outputs")
}

func TestKill(t *testing.T) {
	a := telegraf.Start(t, writeConfig(t, "first value=1i"))
	status, ok := a.Kill().Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.True(t, status.Signaled())
	require.Equal(t, syscall.SIGKILL, status.Signal())
}

func TestFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegraf.conf")
	require.NoError(t, os.WriteFile(path, []byte("[[inputs.nonesuch]]\n"), 0o600))

	a := telegraf.Start(t, path, telegraf.NoWait())
	a.WaitLog("nonesuch", timeout)
	require.Equal(t, 1, a.Wait(timeout).ExitCode())
}

func TestCommand(t *testing.T) {
	config := writeConfig(t, "$WORD value=1i")
	a := telegraf.Start(t, config, telegraf.Command(func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "WORD=changed")
	}))
	a.WaitStdout("changed value=1i", timeout)
}

func TestCustom(t *testing.T) {
	out, err := exec.Command(telegraf.BuildCustom(t), "plugins", "inputs").Output()
	require.NoError(t, err)
	require.Equal(t, "inputs.execd\ninputs.proc_connector\n", string(out))
}
