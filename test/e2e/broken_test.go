package e2e_test

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// A Telegraf that is killed breaks both pipes at once, while metrics are on
// their way. The end of stdin and the failed write race, and whichever is
// noticed first, the count is given back before the program ends.
func TestBothPipesBreak(t *testing.T) {
	l := listeners.Guard(t)
	// In an emulated machine each takes a second.
	runs := 60 / int(min(pace.Limit(1), 4))
	for i := range runs {
		read, write := unread(t)
		p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) { cmd.Stdout = write }))
		require.NoError(t, write.Close())
		l.Require(1)

		storm(t, 3)
		time.Sleep(pace.Limit(time.Duration(i%4) * time.Millisecond))
		if i%2 == 0 {
			p.CloseStdin()
			require.NoError(t, read.Close())
		} else {
			require.NoError(t, read.Close())
			p.CloseStdin()
		}
		status := p.Wait(stopLimit)
		require.True(t, status.Exited(), "run %d ended by %s", i, status.Signal())
		l.Require(0)
	}
}

// A program that calls exec again soon may be read too late. Then it is not
// reported under the next one's name and arguments, but as gone.
func TestChainOfExecs(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t)
	const chains = 100
	pids := make([]int, 0, chains)
	for i := range chains {
		cmd := exec.Command("/usr/bin/env", "sleep", "0.0"+strconv.Itoa(i%10))
		require.NoError(t, cmd.Run())
		pids = append(pids, cmd.Process.Pid)
	}
	last := check.TrueOnce(t)
	p.WaitExec(last, stopLimit)

	full := 0
	for _, pid := range pids {
		execs := execsOf(p, pid)
		require.Len(t, execs, 2)
		if plugin.Text(execs[0], "detail") == "full" {
			full++
			command, _ := execs[0].GetTag("command")
			require.Equal(t, "env", command)
			require.Contains(t, plugin.Text(execs[0], "cmdline"), "/usr/bin/env sleep 0.0")
		} else {
			require.Empty(t, plugin.Text(execs[0], "cmdline"))
		}
	}
	require.Positive(t, full, "it is not always late")
	require.EqualValues(t, os.Getpid(), plugin.Int(p.WaitExec(last, stopLimit), "ppid"))
	check.Exited(t, 0, p.Stop())
}

// execsOf returns the metrics of a process's execs, in the order of their times.
func execsOf(p *plugin.Process, pid int) []telegraf.Metric {
	var execs []telegraf.Metric
	for _, m := range p.Metrics() {
		if plugin.ExecOf(pid)(m) {
			execs = append(execs, m)
		}
	}
	if len(execs) == 2 && execs[1].Time().Before(execs[0].Time()) {
		execs[0], execs[1] = execs[1], execs[0]
	}
	return execs
}
