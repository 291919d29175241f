//go:generate ../../../tools/readme_config_includer/generator
//go:build !linux

// Package proc_connector is a Telegraf service input that listens to the Linux
// process connector. On this system there is none.
package proc_connector

import (
	_ "embed"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
)

//go:embed sample.conf
var sampleConfig string

// ProcConnector stands in for the plugin.
type ProcConnector struct {
	Log telegraf.Logger `toml:"-"`
}

// SampleConfig returns the options with their defaults and meaning.
func (*ProcConnector) SampleConfig() string { return sampleConfig }

// Init says that there is nothing to listen to.
func (p *ProcConnector) Init() error {
	p.Log.Warn("Current platform is not supported")
	return nil
}

// Start does nothing.
func (*ProcConnector) Start(telegraf.Accumulator) error { return nil }

// Stop does nothing.
func (*ProcConnector) Stop() {}

// Gather adds nothing.
func (*ProcConnector) Gather(telegraf.Accumulator) error { return nil }

func init() {
	inputs.Add("proc_connector", func() telegraf.Input {
		return &ProcConnector{}
	})
}
