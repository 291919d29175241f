package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// started is one run of a program, as seen by whoever started it.
type started struct {
	pid           int
	args          []string  // with the program's name
	before, after time.Time // it was started, and had ended
}

// startAll runs the programs, a few of them at one time, and returns what is
// known of each once all have ended.
func startAll(t *testing.T, dir string, argvs [][]string) []started {
	t.Helper()
	const atOnce = 8
	runs := make([]started, len(argvs))
	errs := make([]error, len(argvs))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, argv := range argvs {
		slots <- struct{}{}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		runs[i] = started{args: argv, before: time.Now()}
		require.NoError(t, cmd.Start())
		runs[i].pid = cmd.Process.Pid
		all.Go(func() {
			errs[i] = cmd.Wait()
			runs[i].after = time.Now()
			<-slots
		})
	}
	all.Wait()
	for i, err := range errs {
		require.NoError(t, err, runs[i].args)
	}
	return runs
}

// arguments are of every kind that a command line must show faithfully.
func arguments(i int) []string {
	kinds := [][]string{
		{"plain", "--option=value", "/a/path"},
		{"two words", " leading", "trailing ", "a  b"},
		{`single ' quote`, `double " quote`, `both '"`, `'`},
		{"ünïcödé", "日本語", "🙂 emoji", "e\u0301"},
		{"line\nbreak", "tab\there", "\r", "\x01\x1b[31m\x7f"},
		{"", "$HOME", "`id`", "$(id)", "*", "~", "a;b", "a&&b", "#c", "{x,y}", "!x"},
		{`back\slash`, `\n`, `\`, `\'`, "\\\n"},
		{"no\u00a0break", "zero\u200bwidth", "right\u202eleft", "\u2028"},
		{"%s", "-n", "--", "a=b", "[x]", "comma,equals=space "},
		{strings.Repeat("long ", 100)},
	}
	return append([]string{"sleep50", "number-" + strconv.Itoa(i)}, kinds[i%len(kinds)]...)
}

// readBack has bash read a command line, and returns the arguments that it finds
// there.
func readBack(t *testing.T, line string) []string {
	t.Helper()
	cmd := exec.Command("bash", "-c", `printf '%s\0' `+line)
	// Escapes of characters mean what they mean in a UTF-8 locale.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	require.NoError(t, err, line)
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// The clocks' offset is measured again and again; so much may it be wrong.
const clockError = 2 * time.Millisecond

func TestExecs(t *testing.T) {
	l := listeners.Guard(t)
	program := workload.Build(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	exe, err := filepath.EvalSymlinks(program)
	require.NoError(t, err)
	me, err := user.Current()
	require.NoError(t, err)
	p := plugin.Start(t)
	l.Require(1)

	const count = 200
	argvs := make([][]string, count)
	for i := range argvs {
		argvs[i] = append([]string{program}, arguments(i)...)
	}
	runs := startAll(t, dir, argvs)
	p.WaitExec(check.TrueOnce(t), 5*time.Second)

	byPid := make(map[int64][]telegraf.Metric)
	for _, m := range p.Metrics() {
		require.Equal(t, plugin.Exec, m.Name())
		pid := plugin.Int(m, "pid")
		byPid[pid] = append(byPid[pid], m)
	}
	for _, run := range runs {
		metrics := byPid[int64(run.pid)]
		require.Len(t, metrics, 1, "%q", run.args)
		m := metrics[0]
		require.Equal(t, map[string]string{"command": "workload"}, m.Tags())
		require.Equal(t, run.args, readBack(t, plugin.Text(m, "cmdline")), plugin.Text(m, "cmdline"))
		require.Equal(t, map[string]interface{}{
			"pid":            int64(run.pid),
			"ppid":           int64(os.Getpid()),
			"parent_command": filepath.Base(os.Args[0]),
			"cmdline":        plugin.Text(m, "cmdline"),
			"exe":            exe,
			"cwd":            dir,
			"user":           me.Username,
			"detail":         "full",
		}, m.Fields())
		require.GreaterOrEqual(t, m.Time(), run.before.Add(-clockError), "%q", run.args)
		require.LessOrEqual(t, m.Time(), run.after.Add(clockError), "%q", run.args)
	}
	requireUniqueTimes(t, p.Metrics())
	require.EqualValues(t, 0, plugin.Int(p.Gather().Listener, "lost"))
}

// requireUniqueTimes fails the test if a database would take two of the metrics
// for one.
func requireUniqueTimes(t *testing.T, metrics []telegraf.Metric) {
	t.Helper()
	seen := make(map[string]bool)
	for _, m := range metrics {
		point := fmt.Sprint(m.Name(), m.Tags(), m.Time().UnixNano())
		require.False(t, seen[point], "twice: %s", point)
		seen[point] = true
	}
}

func TestExecFields(t *testing.T) {
	listeners.Guard(t)
	config := plugin.WriteConfig(t, `exec_fields = ["pid", "uid", "unit", "container_id"]`)
	p := plugin.Start(t, plugin.Args("--config", config))
	cmd := exec.Command(workload.Build(t), "sleep50")
	require.NoError(t, cmd.Run())

	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.EqualValues(t, os.Getuid(), plugin.Int(m, "uid"))
	require.Equal(t, "full", plugin.Text(m, "detail"))
	for field := range m.Fields() {
		require.Contains(t, []string{"pid", "uid", "unit", "container_id", "detail"}, field)
	}
}

func TestNoExecEvents(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exec_events = false")))
	before := p.Gather()
	storm(t, 5)
	check.Eventually(t, "the execs are counted", 5*time.Second, func() bool {
		return plugin.Int(p.Gather().Counters, "execs") >= plugin.Int(before.Counters, "execs")+5
	})
	for _, m := range p.Metrics() {
		require.NotEqual(t, plugin.Exec, m.Name())
	}
}

func TestArgumentsNone(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, `arguments = "none"`)))
	cmd := exec.Command(program, "sleep50", "--password=xyzzy")
	require.NoError(t, cmd.Run())

	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, program, plugin.Text(m, "cmdline"))
	require.NotContains(t, p.Stdout(), "xyzzy")
}

func TestMaxCmdline(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	config := plugin.WriteConfig(t, fmt.Sprintf("max_cmdline = %d", len(program)+20))
	p := plugin.Start(t, plugin.Args("--config", config))
	cmd := exec.Command(program, "sleep50", "ääääääääääääääää")
	require.NoError(t, cmd.Run())

	// Room for all but the last 20 bytes, three of which are the ellipsis; what
	// is left is cut before an "ä" of two bytes.
	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, program+" sleep50 "+"ääää…", plugin.Text(m, "cmdline"))
}

// Bytes that are no text must not get into line protocol.
func TestInvalidUTF8(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t)
	cmd := exec.Command(program, "sleep50", "caf\xe9", "\xff\xfe")
	name := "dir \xe9\n"
	cmd.Dir = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.Mkdir(cmd.Dir, 0o700))
	require.NoError(t, cmd.Run())

	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, program+" sleep50 caf\ufffd \ufffd\ufffd", plugin.Text(m, "cmdline"))
	require.Equal(t, "dir \ufffd\\n", filepath.Base(plugin.Text(m, "cwd")))
}

// The parent is the process that forked, not the one that started it all.
func TestRealParent(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t)
	cmd := exec.Command("sh", "-c", `"$0" sleep50 child & echo $!; wait`, workload.Build(t))
	out, err := cmd.Output()
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)

	m := p.WaitExec(child, 5*time.Second)
	require.EqualValues(t, cmd.Process.Pid, plugin.Int(m, "ppid"))
	require.Equal(t, "sh", plugin.Text(m, "parent_command"))
	shell := p.WaitExec(cmd.Process.Pid, time.Second)
	require.EqualValues(t, os.Getpid(), plugin.Int(shell, "ppid"))
}

// The kernel keeps 15 bytes of a name, of a script that of the script.
func TestLongNames(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t)
	script := filepath.Join(t.TempDir(), "a-script-with-a-long-name")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nsleep 0.05\n"), 0o700)) //nolint:gosec // G306: it is run
	cmd := exec.Command(script, "argument")
	require.NoError(t, cmd.Run())

	m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
	require.Equal(t, map[string]string{"command": "a-script-with-a-long-name"}, m.Tags())
	require.Equal(t, []string{"/bin/sh", script, "argument"}, readBack(t, plugin.Text(m, "cmdline")))
	sleep := p.WaitMetric("the script's child", time.Second, func(m telegraf.Metric) bool {
		return plugin.Int(m, "ppid") == int64(cmd.Process.Pid)
	})
	require.Equal(t, "a-script-with-a-long-name", plugin.Text(sleep, "parent_command"))
}

func TestMaxCommands(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "max_commands = 3\ncommand_include = [\"name*\"]")))
	dir := t.TempDir()
	const programs = 10
	pids := make([]int, 0, programs)
	for i := range programs {
		name := filepath.Join(dir, fmt.Sprintf("name%d", i))
		require.NoError(t, os.Symlink("/bin/sleep", name))
		cmd := exec.Command(name, "0.02")
		require.NoError(t, cmd.Run())
		pids = append(pids, cmd.Process.Pid)
	}
	for _, pid := range pids {
		p.WaitExec(pid, 5*time.Second)
	}
	commands := make(map[string]bool)
	for _, m := range p.Metrics() {
		command, ok := m.GetTag("command")
		require.True(t, ok)
		commands[command] = true
	}
	require.True(t, commands["_other"])
	require.Len(t, commands, 3+1)
	requireUniqueTimes(t, p.Metrics())
}
