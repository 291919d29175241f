//go:build linux

package proc_connector

import (
	"regexp"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
)

func newPlugin(t testing.TB) *ProcConnector {
	t.Helper()
	p, ok := inputs.Inputs["proc_connector"]().(*ProcConnector)
	require.True(t, ok)
	p.Log = testutil.Logger{}
	h := *p.host // which tests change
	p.host = &h
	return p
}

func TestDefaultsAreValid(t *testing.T) {
	require.NoError(t, newPlugin(t).Init())
}

// What sample.conf shows as a default is the default.
func TestSampleConfig(t *testing.T) {
	conf := commentedOut.ReplaceAllString(sampleConfig, "$1")
	cfg := config.NewConfig()
	require.NoError(t, cfg.LoadConfigData([]byte(conf), "sample.conf"))
	require.Len(t, cfg.Inputs, 1)
	got, ok := cfg.Inputs[0].Input.(*ProcConnector)
	require.True(t, ok)
	want := newPlugin(t)
	got.Log, want.Log, got.host = nil, nil, want.host
	require.Nil(t, got.selected, "everything is selected")
	require.Equal(t, want, got)
	require.Greater(t, len(conf), 500)
	require.NotContains(t, conf, "# exec_events")
}

func TestInitRefuses(t *testing.T) {
	tests := map[string]struct {
		set  func(p *ProcConnector)
		want string
	}{
		"unknown field": {
			set:  func(p *ProcConnector) { p.ExecFields = []string{"pid", "environ"} },
			want: `option exec_fields: "environ" is unknown, allowed are pid, ppid, parent_command, cmdline, exe, cwd, uid, user, unit, container_id`,
		},
		"field twice": {set: func(p *ProcConnector) { p.ExecFields = []string{"pid", "pid"} }, want: `option exec_fields: "pid" is there twice`},
		"exit_events": {set: func(p *ProcConnector) { p.ExitEvents = "some" }, want: `option exit_events: "some" is unknown, allowed are none, failed, all`},
		"event_limit negative": {
			set:  func(p *ProcConnector) { p.EventLimit = -1 },
			want: "option event_limit: -1 is out of range, allowed are 0 (no limit) to 1000000",
		},
		"event_limit large": {set: func(p *ProcConnector) { p.EventLimit = 1_000_001 }, want: "option event_limit: 1000001"},
		"command_include": {
			set:  func(p *ProcConnector) { p.CommandInclude = []string{"sh", "a[b"} },
			want: `option command_include: "a[b" is no glob (`,
		},
		"command_exclude": {
			set:  func(p *ProcConnector) { p.CommandExclude = []string{"[a-"} },
			want: `option command_exclude: "[a-" is no glob (`,
		},
		"two wrong globs": {
			set:  func(p *ProcConnector) { p.CommandInclude, p.CommandExclude = []string{"a["}, []string{"["} },
			want: `option command_include: "a[" is no glob (`,
		},
		"empty glob": {
			set:  func(p *ProcConnector) { p.CommandExclude = []string{""} },
			want: "option command_exclude: an empty glob selects nothing, allowed are names with the wildcards * ? [ ] { }",
		},
		"command_tags": {
			set:  func(p *ProcConnector) { p.CommandTags = []string{"user", "pid"} },
			want: `option command_tags: "pid" is unknown, allowed are user, unit, container`,
		},
		"tag twice": {set: func(p *ProcConnector) { p.CommandTags = []string{"user", "user"} }, want: `option command_tags: "user" is there twice`},
		"arguments": {
			set: func(p *ProcConnector) { p.Arguments = "some" }, want: `option arguments: "some" is unknown, allowed are redacted, options, full, none`,
		},
		"redact": {
			set:  func(p *ProcConnector) { p.Redact = []string{"fine", "(bad"} },
			want: `option redact: "(bad" is no regular expression: error parsing regexp: missing closing )`,
		},
		"redact in vain": {
			set:  func(p *ProcConnector) { p.Arguments, p.Redact = "full", []string{"x"} },
			want: `option redact: it has no effect with arguments = "full", allowed is arguments = "redacted"`,
		},
		"max_cmdline small": {
			set:  func(p *ProcConnector) { p.MaxCmdline = 15 },
			want: "option max_cmdline: 15 bytes are out of range, allowed are 16B to 64KiB",
		},
		"max_cmdline large": {set: func(p *ProcConnector) { p.MaxCmdline = 64<<10 + 1 }, want: "option max_cmdline: 65537 bytes"},
		"receive_buffer small": {
			set:  func(p *ProcConnector) { p.ReceiveBuffer = 4095 },
			want: "option receive_buffer: 4095 bytes are out of range, allowed are 4KiB to 512MiB",
		},
		"state_directory": {
			set:  func(p *ProcConnector) { p.StateDirectory = "run" },
			want: `option state_directory: "run" is a relative path, allowed is one that begins with /`,
		},
		"receive_buffer large": {set: func(p *ProcConnector) { p.ReceiveBuffer = 512<<20 + 1 }, want: "option receive_buffer: 536870913 bytes"},
		"max_commands small":   {set: func(p *ProcConnector) { p.MaxCommands = 0 }, want: "option max_commands: 0 is out of range, allowed are 1 to 100000"},
		"max_commands large":   {set: func(p *ProcConnector) { p.MaxCommands = 100_001 }, want: "option max_commands: 100001"},
		"command_expiry": {
			set:  func(p *ProcConnector) { p.CommandExpiry = config.Duration(time.Millisecond) },
			want: "option command_expiry: 1ms is out of range, allowed is 1s or more",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlugin(t)
			tt.set(p)
			require.ErrorContains(t, p.Init(), tt.want)
		})
	}
}

func TestInitAcceptsTheLimits(t *testing.T) {
	p := newPlugin(t)
	p.ExecFields, p.Arguments, p.ExitEvents, p.CommandTags = execFields, "none", "all", commandTags
	p.EventLimit, p.CommandInclude, p.CommandExclude = 0, []string{"*"}, []string{"[a-z]?", "x{y,z}"}
	p.MaxCmdline, p.ReceiveBuffer, p.MaxCommands, p.CommandExpiry = 16, 4<<10, 1, config.Duration(time.Second)
	require.NoError(t, p.Init())
	p.ExecFields, p.CommandInclude, p.CommandExclude, p.CommandTags = nil, nil, nil, nil
	p.EventLimit = 1_000_000
	p.MaxCmdline, p.ReceiveBuffer, p.MaxCommands = 64<<10, 512<<20, 100_000
	require.NoError(t, p.Init())
}

// Telegraf names the file and the key.
func TestTelegrafRefuses(t *testing.T) {
	tests := map[string][]string{
		"command_tags = [\"pid\"]":       {"option command_tags"},
		"command_include = [\"a[\"]":     {"option command_include", `"a[" is no glob`},
		"arguments = \"some\"":           {"option arguments", `"some" is unknown, allowed are redacted, options, full, none`},
		`redact = ["(bad"]`:              {"option redact", `"(bad" is no regular expression`},
		"exec_event = true":              {`line 1`, `"exec_event"`},
		"max_cmdline = \"much\"":         {"line 2"},
		"exec_fields = [\"pid\", \"p\"]": {"option exec_fields"},
	}
	for line, wants := range tests {
		t.Run(line, func(t *testing.T) {
			err := config.NewConfig().LoadConfigData([]byte("[[inputs.proc_connector]]\n  "+line+"\n"), "bad.conf")
			require.Error(t, err)
			for _, want := range wants {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// commentedOut matches an option in sample.conf, but not an explanation.
var commentedOut = regexp.MustCompile(`(?m)^  # (\w+ = )`)

func TestStateDir(t *testing.T) {
	tests := map[string]struct {
		option, environment, want string
	}{
		"default":             {want: "/run/telegraf-proc-connector"},
		"service manager":     {environment: "/run/telegraf", want: "/run/telegraf"},
		"several of it":       {environment: "/run/telegraf:/run/more", want: "/run/telegraf"},
		"nonsense":            {environment: "telegraf", want: "/run/telegraf-proc-connector"},
		"option":              {option: "/var/lib/x", want: "/var/lib/x"},
		"option is preferred": {option: "/var/lib/x", environment: "/run/telegraf", want: "/var/lib/x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("RUNTIME_DIRECTORY", tt.environment)
			require.Equal(t, tt.want, (&ProcConnector{StateDirectory: tt.option}).StateDir())
		})
	}
}

func TestSelection(t *testing.T) {
	tests := map[string]struct {
		include, exclude []string
		want, not        []string
	}{
		"include":       {include: []string{"nginx", "php*"}, want: []string{"nginx", "php-fpm8.2"}, not: []string{"nginx2", "sh", processes.Kernel}},
		"exclude":       {exclude: []string{"kworker*", "[st]*"}, want: []string{"nginx", processes.Unknown}, not: []string{"sh", "true"}},
		"both":          {include: []string{"p*"}, exclude: []string{"python*"}, want: []string{"php"}, not: []string{"python3", "sh"}},
		"reserved ones": {exclude: []string{"_*"}, want: []string{"sh"}, not: []string{processes.Kernel, processes.Unknown}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlugin(t)
			p.CommandInclude, p.CommandExclude = tt.include, tt.exclude
			require.NoError(t, p.Init())
			for _, command := range tt.want {
				require.True(t, p.selected(command), command)
			}
			for _, command := range tt.not {
				require.False(t, p.selected(command), command)
			}
		})
	}
}

// A passwd file in HOST_ETC that cannot be read is a warning at the start.
func TestHostEtcMissing(t *testing.T) {
	t.Setenv("HOST_ETC", t.TempDir())
	p := newPlugin(t)
	log := &testutil.CaptureLogger{}
	p.Log = log
	e, err := p.emitter(&testutil.Accumulator{})
	require.NoError(t, err)
	require.Len(t, log.Warnings(), 1)
	require.Contains(t, log.Warnings()[0], "HOST_ETC")
	require.Equal(t, "1000", e.users.Name(1000, time.Now()))
}
