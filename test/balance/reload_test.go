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
	kernel    *kernel
	bystander *bystander
	dir       string // of the leases
	config    string
	agent     *telegraf.Agent
}

// TestReloads does to a Telegraf in minutes what deployments do to it in a year.
func TestReloads(t *testing.T) {
	k := alone(t)
	d := &deployment{t: t, kernel: k, bystander: enter(t), dir: state.Dir(t), config: filepath.Join(t.TempDir(), "telegraf.conf")}
	good := execd.Section(t, "")
	d.start(good)
	n := scaled(reloads, reloadsSlow)
	began := time.Now()
	for i := range n {
		switch i % 15 {
		case 3:
			d.reload()
			d.requireGone()
		case 6:
			const message = `"thread" is no option of [[inputs.proc_connector]]`
			from := strings.Count(d.agent.Log(), message)
			d.reload(execd.Section(t, "thread = true"))
			check.Eventually(t, "the plugin's complaint", execd.Timeout, func() bool {
				return strings.Count(d.agent.Log(), message) > from
			})
			d.requireGone()
		case 9:
			d.kill()
			d.start(good)
		case 12:
			d.killPlugin()
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
	require.Empty(t, leases(t, d.dir))
}

func (d *deployment) start(sections ...string) {
	d.t.Helper()
	execd.WriteConfig(d.t, d.config, sections...)
	d.agent = telegraf.Start(d.t, d.config, telegraf.StateDir(d.dir))
	d.requireOne()
}

func (d *deployment) reload(sections ...string) {
	d.t.Helper()
	execd.WriteConfig(d.t, d.config, sections...)
	d.agent.Reload()
}

// requireOne waits until one plugin runs and listens.
func (d *deployment) requireOne() {
	d.t.Helper()
	check.Eventually(d.t, "the plugin listens", execd.Timeout, func() bool {
		return len(execd.Plugins(d.t, d.agent.Pid())) == 1 && d.kernel.count() == 2 && len(leases(d.t, d.dir)) == 1
	})
}

// requireGone waits until no plugin runs. A broken one is started now and again, and
// ends by itself.
func (d *deployment) requireGone() {
	d.t.Helper()
	d.kernel.require(1)
	require.Empty(d.t, leases(d.t, d.dir))
}

// kill kills Telegraf, and the plugin has to notice by itself.
func (d *deployment) kill() {
	d.t.Helper()
	plugins := execd.Plugins(d.t, d.agent.Pid())
	require.Len(d.t, plugins, 1)
	d.agent.Kill()
	check.Eventually(d.t, "the count is given back", execd.Timeout, func() bool { return d.kernel.count() == 1 })
	check.Eventually(d.t, "the plugin ends", execd.Timeout, func() bool { return !check.Alive(plugins[0]) })
}

// killPlugin kills the plugin only. Telegraf starts it again, and then the count is
// right again too.
func (d *deployment) killPlugin() {
	d.t.Helper()
	plugins := execd.Plugins(d.t, d.agent.Pid())
	require.Len(d.t, plugins, 1)
	require.NoError(d.t, syscall.Kill(plugins[0], syscall.SIGKILL))
	check.Eventually(d.t, "Telegraf starts it again", execd.Timeout, func() bool {
		now := execd.Plugins(d.t, d.agent.Pid())
		return len(now) == 1 && now[0] != plugins[0]
	})
	d.requireOne()
}
