package e2e_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// requireOneLine fails the test unless the plugin wrote a metric as exactly one
// line, which is one metric for Telegraf's own parser and shows nothing but text.
// Metrics has seen to it that nothing else was in between.
func requireOneLine(t *testing.T, p *plugin.Process, m telegraf.Metric) {
	t.Helper()
	n, at := 0, strconv.FormatInt(m.Time().UnixNano(), 10)
	for line := range strings.Lines(p.Stdout()) {
		if !strings.Contains(line, at) {
			continue
		}
		metrics, err := plugin.Parse(line)
		require.NoError(t, err, "%q", line)
		require.Len(t, metrics, 1, "%q", line)
		if !maps.Equal(metrics[0].Tags(), m.Tags()) || !maps.Equal(metrics[0].Fields(), m.Fields()) {
			continue
		}
		n++
		for _, r := range strings.TrimSuffix(line, "\n") {
			require.False(t, r < ' ' || r == 0x7f, "%q", line)
		}
	}
	require.Equal(t, 1, n)
}

const everything = `exec_fields = ["pid", "ppid", "parent_command", "cmdline", "exe", "cwd", "uid", "user", "unit", "container_id"]
exit_events = "all"
command_tags = ["user", "unit", "container"]
max_commands = 10000
`

// hostileNames are names of programs that do not show well.
var hostileNames = map[string]string{ // by what they become
	`h\nl`:           "h\nl",
	`h"q'`:           `h"q'`,
	`h,c=e s`:        "h,c=e s",
	`h\x1b[2J\x07`:   "h\x1b[2J\a",
	"h\ufffd\ufffd":  "h\xff\xfe",
	`h\x5c`:          `h\`,
	`h\x5c\x5c`:      `h\\`,
	`h\x5c,`:         `h\,`,
	`h\x5c `:         `h\ `,
	`h\u200b`:        "h\u200b",
	`h\u202exe`:      "h\u202exe",
	`\x5fother`:      "_other",
	`\x5fkernel`:     "_kernel",
	`\x5funknown`:    "_unknown",
	"_others":        "_others",
	` h `:            " h ",
	`h\rn`:           "h\rn",
	"proc_connector": "proc_connector",
	"#h":             "#h",
	")h (R 1":        ")h (R 1",
}

func TestHostileNames(t *testing.T) {
	listeners.Guard(t)
	program, dir := workload.Build(t), t.TempDir()
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, everything)))
	for shown, name := range hostileNames {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(program, path))
		cmd := exec.Command(path, "sleep50")
		require.NoError(t, cmd.Run())
		p.Gather() // and do not wait until the receiver wakes up
		m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
		require.Equal(t, map[string]string{"command": shown}, m.Tags())
		requireOneLine(t, p, m)
		m = p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid))
		require.Equal(t, map[string]string{"command": shown, "result": "success"}, m.Tags())
		requireOneLine(t, p, m)
	}
	r := p.Gather()
	requireSums(t, r)
	count := make(map[string]int64)
	for _, m := range r.Commands {
		command, _ := m.GetTag("command")
		count[command] += plugin.Int(m, "exits")
		if hostileNames[command] != "" {
			requireOneLine(t, p, m)
		}
	}
	for shown := range hostileNames {
		require.GreaterOrEqual(t, count[shown], int64(1), shown)
	}
	requireUniqueTimes(t, p.Metrics())
}

// Names that a process gives itself, and takes along to its children and its
// end. An empty one is shown like one that is not known.
func TestHostileRenames(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, everything)))
	names := map[string]string{"_unknown": ""}
	for shown, name := range hostileNames {
		names[shown] = name
	}
	for shown, name := range names {
		cmd := exec.Command(program, "rename", name, "1")
		require.NoError(t, cmd.Run())
		p.Gather() // and do not wait until the receiver wakes up
		m := p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid))
		require.Equal(t, map[string]string{"command": shown, "result": "success"}, m.Tags())
		requireOneLine(t, p, m)
	}
	requireSums(t, p.Gather())
}

func TestHostileArguments(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, everything)))
	long := make([]string, 16) // of 128 KiB each, the most that an argument may have
	for i := range long {
		long[i] = strings.Repeat(strconv.Itoa(i%10), 127<<10)
	}
	for name, args := range map[string][]string{
		"line breaks": {"a\nproc_connector forks=1i 1\n", "b\r\nc"},
		"escapes":     {"\x1b]0;title\a", "\x1b[31m", "\x7f\x08"},
		"no text":     {"\xff\xfe\xfd", "\xed\xa0\x80", "caf\xe9"},
		"2 MiB":       long,
		"quotes":      {`"`, `'`, `\`, "`", `\"`, `",pid=1i `},
		"empty":       {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(program, append([]string{"sleep50"}, args...)...)
			require.NoError(t, cmd.Run())
			p.Gather() // and do not wait until the receiver wakes up
			m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
			require.Equal(t, map[string]string{"command": "workload"}, m.Tags())
			require.LessOrEqual(t, len(plugin.Text(m, "cmdline")), 1024)
			require.Contains(t, plugin.Text(m, "cmdline"), "sleep50")
			requireOneLine(t, p, m)
			requireOneLine(t, p, p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid)))
		})
	}
}

// An exec without any argument.
func TestNoArguments(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, everything)))
	box := newToolbox(t, "bare")
	cmd := exec.Command(workload.Build(t), "exec0", box.link("cat", "cat"))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	m := p.WaitMetric("the exec", 5*time.Second, func(m telegraf.Metric) bool {
		return plugin.ExecOf(cmd.Process.Pid)(m) && m.Tags()["command"] == "bare-cat"
	})
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.Contains(t, []string{"''", ""}, plugin.Text(m, "cmdline"))
	requireOneLine(t, p, m)
	m = p.WaitMetric("the exit", 5*time.Second, exitOf(cmd.Process.Pid))
	require.Equal(t, "bare-cat", m.Tags()["command"])
	requireOneLine(t, p, m)
}

// Names of control groups may hold anything but a line break and a slash.
func TestHostileControlGroups(t *testing.T) {
	listeners.Guard(t)
	root := cgroupRoot(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, everything)))
	box := newToolbox(t, "cg")
	sleep := box.link("sleep", "sleep")
	for shown, name := range map[string]string{
		`x y,z=a"b.service`:         `x y,z=a"b.service`,
		"x\ufffd\\x1b[31m.service":  "x\xff\x1b[31m.service",
		`x\.service`:                `x\.service`,
		`dev-disk-by\x2duuid.mount`: `dev-disk-by\x2duuid.mount`,
	} {
		group := filepath.Join(root, name)
		require.NoError(t, os.Mkdir(group, 0o755)) //nolint:gosec // G301: as systemd makes them
		t.Cleanup(func() {
			check.Eventually(t, "the group is empty", time.Second, func() bool { return os.Remove(group) == nil })
		})
		cmd := exec.Command("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$1" 0.1`, group, sleep)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		m := p.WaitMetric("the exec", 5*time.Second, func(m telegraf.Metric) bool {
			return plugin.ExecOf(cmd.Process.Pid)(m) && m.Tags()["command"] == "cg-sleep"
		})
		require.Equal(t, shown, plugin.Text(m, "unit"))
		requireOneLine(t, p, m)
		r := p.Gather()
		found := false
		for _, m := range r.Commands {
			if m.Tags()["command"] == "cg-sleep" && m.Tags()["unit"] == shown {
				found = true
				requireOneLine(t, p, m)
			}
		}
		require.True(t, found, shown)
	}
}

// cgroupRoot returns a directory in which control groups can be made, of version 2
// or of any hierarchy of version 1.
func cgroupRoot(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu"} {
		probe := filepath.Join(root, "proc-connector-test")
		if os.Mkdir(probe, 0o755) != nil { //nolint:gosec // G301: as systemd makes them
			continue
		}
		_, err := os.Stat(filepath.Join(probe, "cgroup.procs"))
		require.NoError(t, os.Remove(probe))
		if err == nil {
			return root
		}
	}
	t.Skip("control groups cannot be made here")
	return ""
}
