package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// requireRefusal runs the plugin, which must end soon, with one line that holds
// all of the words, and returns that line.
func requireRefusal(t *testing.T, words []string, opts ...plugin.Option) string {
	t.Helper()
	l := listeners.Guard(t)
	plugin.Build(t)

	p := plugin.Start(t, append(opts, plugin.NoWait())...)
	status := p.Wait(stopLimit)

	stderr := p.Stderr()
	t.Log(strings.TrimSuffix(stderr, "\n"))
	require.True(t, status.Exited(), "ended by %s", status.Signal())
	require.NotZero(t, status.ExitStatus())
	require.Empty(t, p.Stdout())
	require.Equal(t, 1, strings.Count(stderr, "\n"), "one line")
	require.True(t, strings.HasPrefix(stderr, "E! "))
	for _, word := range words {
		require.Contains(t, stderr, word)
	}
	l.Require(0)
	return stderr
}

func TestBadConfiguration(t *testing.T) {
	const section = "[[inputs.proc_connector]]\n"
	tests := map[string]struct {
		text  string
		words []string
	}{
		"unknown key": {
			section + "thread = true",
			[]string{`"thread"`, "[[inputs.proc_connector]]", "allowed are arguments, ", ", threads"},
		},
		"unknown table": {
			section + "[inputs.proc_connector.tags]\na = \"b\"",
			[]string{`"tags"`, "allowed are ", "[[inputs.execd]]"},
		},
		"exec_fields": {
			section + `exec_fields = ["pid", "name"]`,
			[]string{"exec_fields", `"name"`, "allowed are pid, ppid, parent_command, cmdline, exe, cwd, uid, user, unit, container_id"},
		},
		"exec_fields twice": {
			section + `exec_fields = ["pid", "pid"]`,
			[]string{"exec_fields", `"pid" is there twice`},
		},
		"arguments": {
			section + `arguments = "some"`,
			[]string{"arguments", `"some"`, "allowed are redacted, options, full, none"},
		},
		"redact": {
			section + `redact = ["id-\\d+", "(bad"]`,
			[]string{"redact", `"(bad" is no regular expression`, "missing closing )"},
		},
		"max_cmdline small": {section + "max_cmdline = 15", []string{"max_cmdline", "15 bytes", "allowed are 16B to 64KiB"}},
		"max_cmdline large": {section + `max_cmdline = "1MiB"`, []string{"max_cmdline", "allowed are 16B to 64KiB"}},
		"max_cmdline word":  {section + `max_cmdline = "much"`, []string{"max_cmdline", "much"}},
		"max_commands":      {section + "max_commands = 0", []string{"max_commands", "0 is out of range", "allowed are 1 to 100000"}},
		"max_commands sign": {section + "max_commands = -1", []string{"max_commands", "-1 is out of range", "allowed are 1 to 100000"}},
		"command_expiry":    {section + `command_expiry = "1ms"`, []string{"command_expiry", "1ms is out of range", "allowed is 1s or more"}},
		"command_expiry word": {
			section + `command_expiry = "soon"`,
			[]string{"command_expiry", "soon"},
		},
		"receive_buffer small": {section + "receive_buffer = 0", []string{"receive_buffer", "0 bytes", "allowed are 4KiB to 512MiB"}},
		"receive_buffer large": {section + `receive_buffer = "2GiB"`, []string{"receive_buffer", "allowed are 4KiB to 512MiB"}},
		"wrong type":           {section + `threads = "yes"`, []string{"threads"}},
		"wrong type of list":   {section + `exec_fields = "pid"`, []string{"exec_fields"}},
		"wrong type of number": {section + `max_commands = "many"`, []string{"max_commands"}},
		"syntax":               {"[[inputs.proc_connector]\nthreads = true", []string{"line 2"}},
		"syntax of a value":    {section + "threads = maybe", []string{"line 2"}},
		"key twice":            {section + "threads = true\nthreads = false", []string{"threads"}},
		"empty":                {"", []string{"there is no section [[inputs.proc_connector]]"}},
		"two sections":         {section + section, []string{"there are 2 sections [[inputs.proc_connector]]", "start it once for each"}},
		"no list of sections":  {"[inputs.proc_connector]\nthreads = true", []string{"[[inputs.proc_connector]]"}},
		"another plugin":       {section + "[[inputs.cpu]]", []string{`"inputs.cpu"`, "only one section [[inputs.proc_connector]]"}},
		"Telegraf's own":       {"[agent]\n" + section, []string{`"agent"`, "Telegraf's own configuration"}},
		"unset variable":       {section + `arguments = "${PROC_CONNECTOR_UNSET}"`, []string{"environment variable PROC_CONNECTOR_UNSET is not set"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plugin.conf")
			require.NoError(t, os.WriteFile(file, []byte(tt.text+"\n"), 0o600))
			requireRefusal(t, append(tt.words, file), plugin.Args("--config", file))
		})
	}
}

func TestNoConfigurationFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.conf")
	requireRefusal(t, []string{file, "no such file or directory"}, plugin.Args("--config", file))
}

func TestConfigurationIsFolder(t *testing.T) {
	dir := t.TempDir()
	requireRefusal(t, []string{dir, "is a directory"}, plugin.Args("--config", dir))
}

func TestUnreadableConfiguration(t *testing.T) {
	requireRoot(t)
	dir := nobody.Dir(t)
	program := nobody.Copy(t, dir, plugin.Build(t))
	file := filepath.Join(dir, "plugin.conf")
	require.NoError(t, os.WriteFile(file, []byte("[[inputs.proc_connector]]\n"), 0o600))
	requireRefusal(t, []string{file, "permission denied"}, plugin.Args("--config", file), plugin.Command(func(cmd *exec.Cmd) {
		cmd.Path = program
		nobody.Run(cmd)
	}))
}

func TestBadArguments(t *testing.T) {
	tests := map[string]struct {
		args  []string
		words []string
	}{
		"unknown flag":         {[]string{"--colour"}, []string{"-colour", "--help"}},
		"unknown command":      {[]string{"listen"}, []string{`"listen"`, "--help"}},
		"two commands":         {[]string{"sample-config", "more"}, []string{`"more"`, "--help"}},
		"negative interval":    {[]string{"--poll-interval", "-1s"}, []string{"--poll-interval", "-1s", "allowed is 0 (never) or more"}},
		"interval without one": {[]string{"--poll-interval"}, []string{"-poll-interval", "--help"}},
		"interval, no unit":    {[]string{"--poll-interval", "10"}, []string{"-poll-interval", `"10"`, "--help"}},
		"no file":              {[]string{"--config"}, []string{"-config", "--help"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			requireRefusal(t, tt.words, plugin.Args(tt.args...))
		})
	}
}
