package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// writeScript makes a script and returns its path.
func writeScript(t *testing.T, name, firstLine string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(firstLine+"\n"), 0o700)) //nolint:gosec // G306: it is run
	return path
}

// lastExec waits for the nth exec of a process.
func lastExec(p *plugin.Process, pid, nth int) telegraf.Metric {
	p.Gather()
	seen := make(map[int64]bool)
	return p.WaitMetric(fmt.Sprintf("exec %d of process %d", nth, pid), 5*time.Second, func(m telegraf.Metric) bool {
		if plugin.ExecOf(pid)(m) {
			seen[m.Time().UnixNano()] = true
		}
		return plugin.ExecOf(pid)(m) && len(seen) == nth
	})
}

// Two scripts of which the kernel keeps the same 15 bytes are two commands,
// however their interpreter is named, and whatever of the command line is shown.
func TestScriptNames(t *testing.T) {
	listeners.Guard(t)
	lines := []string{"#!/bin/sh", "#!/bin/sh -e", "#! /bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S sh -e"}
	if perl, err := exec.LookPath("perl"); err == nil {
		lines = append(lines, "#!"+perl+" -w")
	}
	for _, options := range []string{"", "max_cmdline = 16\n", "exec_fields = [\"pid\"]\n", "arguments = \"none\"\n"} {
		p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, options+"command_include = [\"pyenv-version-name\", \"pyenv-version-number\"]")))
		for _, line := range lines {
			for _, name := range []string{"pyenv-version-name", "pyenv-version-number"} {
				cmd := exec.Command(writeScript(t, name, line), "argument")
				require.NoError(t, cmd.Run(), line)
				p.Gather() // and do not wait until the receiver wakes up
				m := p.WaitExec(cmd.Process.Pid, 5*time.Second)
				require.Equal(t, map[string]string{"command": name}, m.Tags(), "%s, %s", line, options)
			}
		}
		// Not all of it is a script's: one of exactly 15 bytes is whole.
		exact := exec.Command(writeScript(t, "pyenv-version-n", "#!/bin/sh -e"), "/x/pyenv-version-name")
		require.NoError(t, exact.Run())
		last := exec.Command(writeScript(t, "pyenv-version-name", "#!/bin/sh"))
		require.NoError(t, last.Run())
		p.WaitExec(last.Process.Pid, 5*time.Second)
		for _, m := range p.Metrics() {
			require.False(t, plugin.ExecOf(exact.Process.Pid)(m), m)
		}
		p.Stop()
	}
}

// A program that is executed by another path than its own is called what its file
// is called.
func TestExecutableNames(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	box := newToolbox(t, "via")
	long := box.link("a-program-of-a-long-name", program)
	script := writeScript(t, "7", "#!/bin/sh -e")
	dir := t.TempDir()
	for _, name := range []string{"exe", "12"} {
		require.NoError(t, os.Symlink(program, filepath.Join(dir, name)))
	}
	for _, options := range []string{"", "exec_fields = [\"pid\"]\n"} {
		p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, options+"max_commands = 10000")))
		for _, tt := range []struct{ way, program, want string }{
			{"exe", program, "workload"},
			{"fd", program, "workload"},
			{"path", program, "workload"},
			{"path", long, "workload"}, // a link
			{"memfd", program, "memfd:workload"},
			{"memfdpath", program, "memfd:workload"},
			{"memfdpath", long, "memfd:via-a-program-of-a-long-name"},
			{"memfd", long, "memfd:via-a-program-of-a-long-name"},
			{"deleted", program, "workload"},
		} {
			cmd := exec.Command(program, "through", tt.way, tt.program, "sleep50")
			require.NoError(t, cmd.Run(), tt)
			m := lastExec(p, cmd.Process.Pid, 2)
			require.Equal(t, map[string]string{"command": tt.want}, m.Tags(), "%v, %s", tt, options)
		}
		// What is really called so stays so.
		for name, path := range map[string]string{"7": script, "exe": filepath.Join(dir, "exe"), "12": filepath.Join(dir, "12")} {
			cmd := exec.Command(path, "sleep50")
			require.NoError(t, cmd.Run())
			p.Gather() // and do not wait until the receiver wakes up
			require.Equal(t, map[string]string{"command": name}, p.WaitExec(cmd.Process.Pid, 5*time.Second).Tags())
		}
		// So does a name that a process gives itself.
		cmd := exec.Command(program, "rename", "42", "1")
		require.NoError(t, cmd.Run())
		r := p.Gather()
		check.Eventually(t, "the end is counted", 5*time.Second, func() bool {
			r = p.Gather()
			return seriesOf(r, "42") != nil
		})
		requireSums(t, r)
		p.Stop()
	}
}

// A title that is shorter than the arguments leaves nothing behind, but what a
// program is given is shown, empty arguments too.
func TestTitles(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	start := func(args ...string) (cmd *exec.Cmd, stdin io.Closer) {
		cmd = exec.Command(program, args...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, len("ready\n")))
		require.NoError(t, err)
		return cmd, in
	}
	before, stdin := start("title", "worker: idle", "", "", "an argument")
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exit_events = \"all\"")))
	p.WaitExec(check.TrueOnce(t), 5*time.Second) // the processes that run have been read
	require.NoError(t, stdin.Close())
	require.NoError(t, before.Wait())
	m := p.WaitMetric("the exit", 5*time.Second, exitOf(before.Process.Pid))
	require.Equal(t, `'worker: idle'`, plugin.Text(m, "cmdline"))

	// Seen from the start, it is what it was started with.
	seen, stdin := start("title", "worker: idle", "", "an argument", "", "", "", "")
	require.NoError(t, stdin.Close())
	require.NoError(t, seen.Wait())
	want := program + ` title 'worker: idle' '' 'an argument' '' '' '' ''`
	require.Equal(t, want, plugin.Text(p.WaitExec(seen.Process.Pid, 5*time.Second), "cmdline"))
	m = p.WaitMetric("the exit", 5*time.Second, exitOf(seen.Process.Pid))
	require.Equal(t, want, plugin.Text(m, "cmdline"))
}

// seriesOf returns the series of a command, or nil.
func seriesOf(r plugin.Report, command string) telegraf.Metric {
	for _, m := range r.Commands {
		if m.Tags()["command"] == command {
			return m
		}
	}
	return nil
}

// A process that puts its job into its name needs one place, not one for each.
func TestRenamesUseNoPlaces(t *testing.T) {
	listeners.Guard(t)
	program := workload.Build(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "max_commands = 2\ncommand_include = [\"job-*\", \"last*\"]")))
	// perl renames itself by $0, from one process.
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("Needs perl")
	}
	require.NoError(t, exec.Command(perl, "-e", `for my $i (1..50) { $0 = "job-$i"; }`).Run())
	cmd := exec.Command(program, "rename", "last", "1")
	require.NoError(t, cmd.Run())
	var r plugin.Report
	check.Eventually(t, "the ends are counted", 5*time.Second, func() bool {
		r = p.Gather()
		last, job := seriesOf(r, "last"), seriesOf(r, "job-50")
		return last != nil && job != nil && plugin.Int(last, "exits") == 1 && plugin.Int(job, "exits") == 1
	})
	require.Len(t, r.Commands, 3, "with _other")
	requireSums(t, r)
}
