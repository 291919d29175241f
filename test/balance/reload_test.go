package balance_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/ways"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

const (
	reloads     = 100
	reloadsSlow = 15 // where a program takes many times as long
)

// deployment is a Telegraf whose configuration is changed again and again.
type deployment struct {
	t         *testing.T
	way       ways.Way
	kernel    *kernel
	bystander *bystander
	dir       string // of the leases
	config    string
	agent     *telegraf.Agent
}

// TestReloads does to a Telegraf in minutes what deployments do to it in a year.
func TestReloads(t *testing.T) {
	ways.Each(t, reloadsIn)
}

func reloadsIn(t *testing.T, w ways.Way) {
	t.Helper()
	k := alone(t)
	d := &deployment{t: t, way: w, kernel: k, bystander: enter(t), dir: state.Dir(t), config: filepath.Join(t.TempDir(), "telegraf.conf")}
	good := w.Section(t, "")
	d.start(good)
	n := scaled(reloads, reloadsSlow)
	began := time.Now()
	for i := range n {
		switch i % 15 {
		case 3:
			d.reload()
			d.requireGone()
		case 6:
			d.reloadBroken()
			if w.Inside {
				d.start(good)
			}
		case 9:
			d.kill()
			d.start(good)
		case 12:
			d.killPlugin()
			if w.Inside {
				d.start(good)
			}
		default:
			d.reload(good)
			d.requireOne()
		}
		d.bystander.requireHears("after a reload")
	}
	t.Logf("%d reloads in %s", n, time.Since(began))
	d.requireOne()
	pid := check.TrueOnce(t)
	check.Eventually(t, "the exec", execd.Timeout, func() bool {
		out := d.agent.Stdout()
		metrics, err := plugin.Parse(out[:strings.LastIndexByte(out, '\n')+1])
		require.NoError(t, err)
		for _, m := range metrics {
			if plugin.ExecOf(pid)(m) {
				return true
			}
		}
		return false
	})

	require.Zero(t, d.agent.Stop(syscall.SIGTERM).ExitCode())
	d.kernel.require(1)
	forget(t, k, d.bystander, d.dir, startAndStop)
}

func (d *deployment) start(sections ...string) {
	d.t.Helper()
	execd.WriteConfig(d.t, d.config, sections...)
	d.agent = d.way.Start(d.t, d.config, telegraf.StateDir(d.dir))
	// The count alone may be what a killed one has left.
	d.agent.WaitLog(d.way.Listens, execd.Timeout)
	d.requireOne()
}

func (d *deployment) reload(sections ...string) {
	d.t.Helper()
	execd.WriteConfig(d.t, d.config, sections...)
	d.agent.Reload()
}

// reloadBroken gives the plugin an option that there is not. Under execd Telegraf
// goes on, and shows what the plugin complains about; where the plugin is compiled
// in, Telegraf itself complains, and ends.
func (d *deployment) reloadBroken() {
	d.t.Helper()
	if d.way.Inside {
		execd.WriteConfig(d.t, d.config, d.way.Section(d.t, "thread = true"))
		require.NoError(d.t, syscall.Kill(d.agent.Pid(), syscall.SIGHUP))
		require.NotZero(d.t, d.agent.Wait(execd.Timeout).ExitCode())
	} else {
		const message = `"thread" is no option of [[inputs.proc_connector]]`
		from := strings.Count(d.agent.Log(), message)
		d.reload(d.way.Section(d.t, "thread = true"))
		check.Eventually(d.t, "the plugin's complaint", execd.Timeout, func() bool {
			return strings.Count(d.agent.Log(), message) > from
		})
	}
	d.requireGone()
}

// requireOne waits until one plugin runs and listens.
func (d *deployment) requireOne() {
	d.t.Helper()
	check.Eventually(d.t, "the plugin listens", execd.Timeout, func() bool {
		return len(d.way.Processes(d.t, d.agent)) == 1 && d.kernel.count() == 2
	})
}

// requireGone waits until no plugin runs. A broken one is started now and again, and
// ends by itself.
func (d *deployment) requireGone() {
	d.t.Helper()
	d.kernel.require(1)
}

// kill kills Telegraf. A plugin that is a program has to notice by itself; one that
// is compiled in leaves its LISTEN to the next start.
func (d *deployment) kill() {
	d.t.Helper()
	plugins := d.way.Processes(d.t, d.agent)
	require.Len(d.t, plugins, 1)
	d.agent.Kill()
	if d.way.Inside {
		require.Contains(d.t, []int32{1, 2}, d.kernel.count(), "as it was before or after the plugin was exchanged")
		return
	}
	check.Eventually(d.t, "the count is given back", execd.Timeout, func() bool { return d.kernel.count() == 1 })
	check.Eventually(d.t, "the plugin ends", execd.Timeout, func() bool { return !check.Alive(plugins[0]) })
}

// killPlugin kills the plugin only. Telegraf starts it again, and then the count is
// right again too. One that is compiled in cannot be killed alone; instead it is
// poisoned, and mends the count, before it is killed.
func (d *deployment) killPlugin() {
	d.t.Helper()
	if d.way.Inside {
		d.kernel.set(-3)
		check.Eventually(d.t, "the count is mended", execd.Timeout, func() bool { return d.kernel.count() == 2 })
		d.kill()
		return
	}
	plugins := d.way.Processes(d.t, d.agent)
	require.Len(d.t, plugins, 1)
	require.NoError(d.t, syscall.Kill(plugins[0], syscall.SIGKILL))
	check.Eventually(d.t, "Telegraf starts it again", execd.Timeout, func() bool {
		now := d.way.Processes(d.t, d.agent)
		return len(now) == 1 && now[0] != plugins[0]
	})
	d.requireOne()
}
