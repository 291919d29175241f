// Package ways has the ways in which the plugin runs in a real Telegraf, so that
// what holds for one is tested for all.
package ways

import (
	"path/filepath"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
)

// A Way is how Telegraf runs the plugin.
type Way struct {
	name string
	// Inside says that the plugin is a part of Telegraf: it ends with it, whatever
	// ends it, and a configuration of the plugin that is broken is one of Telegraf.
	Inside bool
	// Listens is the plugin's line as Telegraf logs it.
	Listens string
	// Prefix is what stands before all that the plugin logs.
	Prefix string

	section func(t testing.TB, options string) string
	agent   func(t testing.TB) string
}

// Execd has Telegraf start the program, as most operators do.
var Execd = Way{
	name:    "execd",
	Listens: execd.Listens,
	Prefix:  "[inputs.execd] [inputs.proc_connector] ",
	section: execd.Section,
	agent:   telegraf.Build,
}

// CompiledIn is a custom Telegraf that contains the plugin.
var CompiledIn = Way{
	name:    "compiled in",
	Inside:  true,
	Listens: "I! [inputs.proc_connector] Listening to the process connector",
	Prefix:  "[inputs.proc_connector] ",
	section: func(_ testing.TB, options string) string { return "\n[[inputs.proc_connector]]\n" + options + "\n" },
	agent:   telegraf.BuildCustom,
}

// Each runs the test in each way.
func Each(t *testing.T, test func(t *testing.T, w Way)) {
	t.Helper()
	for _, w := range []Way{Execd, CompiledIn} {
		t.Run(w.name, func(t *testing.T) { test(t, w) })
	}
}

// Section is the part of Telegraf's configuration that runs the plugin with the
// options.
func (w Way) Section(t testing.TB, options string) string {
	t.Helper()
	return w.section(t, options)
}

// Agent is the path of the Telegraf that can do so.
func (w Way) Agent(t testing.TB) string {
	t.Helper()
	return w.agent(t)
}

// Start runs that Telegraf with a configuration file, as telegraf.Start does.
func (w Way) Start(t testing.TB, config string, opts ...telegraf.Option) *telegraf.Agent {
	t.Helper()
	return telegraf.Start(t, config, append([]telegraf.Option{telegraf.Program(w.agent(t))}, opts...)...)
}

// Run writes a configuration with the plugin, runs Telegraf with it, and returns
// it with the path of the configuration once the plugin listens.
func (w Way) Run(t testing.TB, opts ...telegraf.Option) (a *telegraf.Agent, config string) {
	t.Helper()
	config = filepath.Join(t.TempDir(), "telegraf.conf")
	execd.WriteConfig(t, config, w.section(t, ""))
	a = w.Start(t, config, opts...)
	a.WaitLog(w.Listens, execd.Timeout)
	return a, config
}

// Processes returns the pids of the processes in which the plugin runs for that
// Telegraf.
func (w Way) Processes(t testing.TB, a *telegraf.Agent) []int {
	t.Helper()
	if w.Inside {
		return []int{a.Pid()}
	}
	return execd.Plugins(t, a.Pid())
}
