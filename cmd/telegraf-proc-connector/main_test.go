package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

func TestRun(t *testing.T) {
	const thereAre = ", there are doctor, reconcile, sample-config and help (see --help)\n"
	tests := map[string]struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		"help":              {args: []string{"--help"}, stdout: usage},
		"help, a command":   {args: []string{"help"}, stdout: usage},
		"version":           {args: []string{"--version"}, stdout: "telegraf-proc-connector "},
		"sample-config":     {args: []string{"sample-config"}, stdout: new(proc_connector.ProcConnector).SampleConfig()},
		"unknown flag":      {args: []string{"--colour"}, status: 1, stderr: "E! flag provided but not defined: -colour (see --help)\n"},
		"unknown command":   {args: []string{"listen"}, status: 1, stderr: "E! unknown command \"listen\"" + thereAre},
		"two commands":      {args: []string{"sample-config", "x"}, status: 1, stderr: "E! unexpected argument \"x\" (see --help)\n"},
		"a command's flag":  {args: []string{"doctor", "--colour"}, status: 1, stderr: "E! flag provided but not defined: -colour (see --help)\n"},
		"a command's help":  {args: []string{"doctor", "--help"}, stdout: usage},
		"another's flag":    {args: []string{"reconcile", "--json"}, status: 1, stderr: "E! flag provided but not defined: -json (see --help)\n"},
		"nothing to repair": {args: []string{"--repair"}, status: 1, stderr: "E! flag provided but not defined: -repair (see --help)\n"},
		"too much":          {args: []string{"doctor", "now"}, status: 1, stderr: "E! unexpected argument \"now\" (see --help)\n"},
		"empty command":     {args: []string{""}, status: 1, stderr: "E! unknown command \"\"" + thereAre},
		"doctor, no such config file": {
			args:   []string{"doctor", "--config", "/nonexistent/x.conf"},
			status: 1,
			stderr: "E! reading the configuration failed: open /nonexistent/x.conf: no such file or directory" + seeSample + "\n",
		},
		"reconcile, no such config file": {
			args:   []string{"--config", "/nonexistent/x.conf", "reconcile"},
			status: 1,
			stderr: "E! reading the configuration failed: open /nonexistent/x.conf: no such file or directory" + seeSample + "\n",
		},
		"negative interval": {
			args:   []string{"--poll-interval", "-1s"},
			status: 1,
			stderr: "E! --poll-interval: -1s is negative, allowed is 0 (never) or more\n",
		},
		"interval, no unit": {
			args:   []string{"--poll-interval", "10"},
			status: 1,
			stderr: "E! invalid value \"10\" for flag -poll-interval: parse error (see --help)\n",
		},
		"no such config file": {
			args:   []string{"--config", "/nonexistent/x.conf"},
			status: 1,
			stderr: "E! reading the configuration failed: open /nonexistent/x.conf: no such file or directory" + seeSample + "\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, tt.status, run(tt.args, &stdout, &stderr))
			require.True(t, strings.HasPrefix(stdout.String(), tt.stdout), stdout.String())
			require.Equal(t, tt.stdout == "", stdout.Len() == 0)
			require.Equal(t, tt.stderr, stderr.String())
		})
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputFails(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"help"}, {"--version"}, {"sample-config"}} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(args, full{}, &stderr))
		require.Equal(t, "E! writing to stdout failed: no space left on device\n", stderr.String())
	}
}

func TestSeeDoctor(t *testing.T) {
	require.Contains(t, seeDoctor(&cnproc.OpError{Op: "listen", Err: cnproc.ErrPermission}), "telegraf-proc-connector doctor")
	require.Contains(t, seeDoctor(fmt.Errorf("gathering: %w", cnproc.ErrSilenced)), "telegraf-proc-connector doctor")
	require.Contains(t, seeDoctor(fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: "/proc", Err: fs.ErrNotExist})), "telegraf-proc-connector doctor")
	require.Empty(t, seeDoctor(errors.New("already started")))
}

func TestHelpFitsAScreen(t *testing.T) {
	require.LessOrEqual(t, strings.Count(usage, "\n"), 24)
	for _, line := range strings.Split(usage, "\n") {
		require.LessOrEqual(t, len(line), 80)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(&out)
	l.named("inputs.proc_connector").Warnf("two\n%s", "lines")
	l.Error("plain ", 1)
	l.flush()
	require.Equal(t, "W! [inputs.proc_connector] two; lines\nE! plain 1\n", out.String())
}

// A stderr that nobody reads holds nobody up.
func TestLoggerNeverWaits(*testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	l := newLogger(w)
	for range 10 * logQueue {
		l.Info("unread")
	}
	l.flush() // it returns, as did each of them
}
