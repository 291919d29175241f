//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plugin.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestLoadPlugin(t *testing.T) {
	t.Setenv("PROC_CONNECTOR_TEST_LENGTH", "2KiB")
	file := write(t, `
[[inputs.proc_connector]]
  # ${NOT_SET} is not looked for in a comment
  exec_fields = ["pid"]
  max_cmdline = "${PROC_CONNECTOR_TEST_LENGTH}"
  command_expiry = "90m"
  receive_buffer = 65536
  threads = true
`)
	p, err := loadPlugin(file, testutil.Logger{})
	require.NoError(t, err)
	require.Equal(t, []string{"pid"}, p.ExecFields)
	require.Equal(t, config.Size(2048), p.MaxCmdline)
	require.Equal(t, config.Duration(90*time.Minute), p.CommandExpiry)
	require.Equal(t, config.Size(65536), p.ReceiveBuffer)
	require.True(t, p.Threads)
	require.True(t, p.ExecEvents, "what is not in the file has its default")

	defaults, err := loadPlugin("", testutil.Logger{})
	require.NoError(t, err)
	require.Len(t, defaults.ExecFields, 7)

	_, err = loadPlugin(write(t, new(proc_connector.ProcConnector).SampleConfig()), testutil.Logger{})
	require.NoError(t, err)
}

func TestLoadPluginRefuses(t *testing.T) {
	t.Setenv("PROC_CONNECTOR_TEST_QUOTE", `x", threads = "`)
	tests := map[string]struct {
		text string
		want []string
	}{
		"unknown key": {
			text: "[[inputs.proc_connector]]\n  thread = true\n",
			want: []string{
				`"thread" is no option of [[inputs.proc_connector]], allowed are arguments, command_exclude, command_expiry, `,
				"receive_buffer, redact, repair, scheduling, state_directory, threads",
			},
		},
		"unknown table": {
			text: "[[inputs.proc_connector]]\n  [inputs.proc_connector.tags]\n    a = \"b\"\n",
			want: []string{`"tags" is no option`, "[[inputs.execd]]"},
		},
		"Telegraf's": {
			text: "[agent]\n  interval = \"1s\"\n[[inputs.proc_connector]]\n",
			want: []string{`"agent`, "belongs in Telegraf's own configuration"},
		},
		"another plugin": {text: "[[inputs.cpu]]\n[[inputs.proc_connector]]\n", want: []string{`"inputs.cpu"`}},
		"no section":     {text: "# empty\n", want: []string{"there is no section [[inputs.proc_connector]]"}},
		"empty list":     {text: "[inputs]\n  proc_connector = []\n", want: []string{"there are 0 sections"}},
		"two sections":   {text: "[[inputs.proc_connector]]\n[[inputs.proc_connector]]\n", want: []string{"there are 2 sections"}},
		"wrong type":     {text: "[[inputs.proc_connector]]\n  threads = \"yes\"\n", want: []string{"threads"}},
		"syntax":         {text: "[[inputs.proc_connector]\n", want: []string{"line 2"}},
		"bad value": {
			text: "[[inputs.proc_connector]]\n  arguments = \"few\"\n",
			want: []string{`option arguments: "few" is unknown, allowed are redacted, options, full, none`},
		},
		"bad size": {text: "[[inputs.proc_connector]]\n  max_cmdline = \"much\"\n", want: []string{"max_cmdline"}},
		"single brackets": {
			text: "[inputs.proc_connector]\n",
			want: []string{"write the section's name in double brackets, [[inputs.proc_connector]]"},
		},
		"other capitals": {text: "[[inputs.proc_connector]]\n  Threads = true\n", want: []string{`"Threads" is no option`}},
		"a bare list":    {text: "[[inputs.proc_connector]]\n  exec_fields = \"pid\"\n", want: []string{"exec_fields", "sample-config shows what is allowed"}},
		"bad duration":   {text: "[[inputs.proc_connector]]\n  command_expiry = \"soon\"\n", want: []string{"command_expiry"}},
		"no such variable": {
			text: "[[inputs.proc_connector]]\n  arguments = \"${PROC_CONNECTOR_NONE}\"\n",
			want: []string{"environment variable PROC_CONNECTOR_NONE is not set"},
		},
		"a variable stays one value": {
			text: "[[inputs.proc_connector]]\n  arguments = \"${PROC_CONNECTOR_TEST_QUOTE}\"\n",
			want: []string{`option arguments: "x\", threads = \""`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := write(t, tt.text)
			_, err := loadPlugin(file, testutil.Logger{})
			require.ErrorContains(t, err, file)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n", "one line")
		})
	}
	_, err := loadPlugin(filepath.Join(t.TempDir(), "none.conf"), testutil.Logger{})
	require.ErrorIs(t, err, os.ErrNotExist)
}
