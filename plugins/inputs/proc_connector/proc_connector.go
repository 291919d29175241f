//go:generate ../../../tools/readme_config_includer/generator
//go:build linux

// Package proc_connector is a Telegraf service input that listens to the Linux
// process connector and reports what is started on the machine.
//
// This file is the life cycle. Options are checked in config.go, events become
// numbers in collector.go, and metrics leave through emitter.go and Gather.
package proc_connector

import (
	_ "embed"
	"errors"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/filter"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
)

//go:embed sample.conf
var sampleConfig string

// ProcConnector is the plugin: its options, and the service while it runs.
type ProcConnector struct {
	ExecEvents     bool            `toml:"exec_events"`
	ExecFields     []string        `toml:"exec_fields"`
	ExitEvents     string          `toml:"exit_events"`
	EventLimit     int             `toml:"event_limit"`
	CommandInclude []string        `toml:"command_include"`
	CommandExclude []string        `toml:"command_exclude"`
	MaxCommands    int             `toml:"max_commands"`
	CommandExpiry  config.Duration `toml:"command_expiry"`
	CommandTags    []string        `toml:"command_tags"`
	Arguments      string          `toml:"arguments"`
	Redact         []string        `toml:"redact"`
	MaxCmdline     config.Size     `toml:"max_cmdline"`
	Threads        bool            `toml:"threads"`
	ReceiveBuffer  config.Size     `toml:"receive_buffer"`
	Scheduling     string          `toml:"scheduling"`
	Repair         bool            `toml:"repair"`
	StateDirectory string          `toml:"state_directory"`

	Log telegraf.Logger `toml:"-"`

	proc     string        // the proc mount; a test's may be elsewhere
	sys      string        // the sysfs mount, likewise
	selected filter.Filter // command_include and command_exclude; nil selects all

	mu      sync.Mutex // guards service; not held while a service stops
	service *service
}

// SampleConfig returns the options with their defaults and meaning.
func (*ProcConnector) SampleConfig() string {
	return sampleConfig
}

// Init checks the options. It connects to nothing.
func (p *ProcConnector) Init() error {
	return p.checkOptions()
}

// Start begins to listen. It may be called again after Stop, and after it has
// failed: then nothing is left behind, neither here nor in the kernel.
func (p *ProcConnector) Start(acc telegraf.Accumulator) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.service != nil {
		return errors.New("already started")
	}
	s, err := startService(p, acc)
	if err != nil {
		return newStartupError(err)
	}
	p.service = s
	return nil
}

// Gather adds the counters and what the plugin knows of itself. Event metrics do
// not wait for it.
func (p *ProcConnector) Gather(acc telegraf.Accumulator) error {
	p.mu.Lock()
	s := p.service
	p.mu.Unlock()
	if s == nil {
		return errors.New("not started")
	}
	return s.gather(acc)
}

// Ignore gives the kernel's listener count back. It is what Stop does first, for
// those who must be sure of that and cannot wait for the rest. It takes well under
// a millisecond as a rule, and up to half a second while other sessions are at work
// on the count.
func (p *ProcConnector) Ignore() {
	p.mu.Lock()
	s := p.service
	p.mu.Unlock()
	if s != nil {
		s.ignore()
	}
}

// Stop gives the kernel's listener count back before it does anything else,
// and returns when no more metrics will come. It may be called at any time,
// often, and from several goroutines.
func (p *ProcConnector) Stop() {
	p.mu.Lock()
	s := p.service
	p.mu.Unlock()
	if s == nil {
		return
	}
	s.stop()

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.service == s {
		p.service = nil
	}
}

func init() {
	inputs.Add("proc_connector", func() telegraf.Input {
		return &ProcConnector{
			ExecEvents:     true,
			ExecFields:     []string{"pid", "ppid", "parent_command", "cmdline", "exe", "cwd", "user"},
			ExitEvents:     string(exitNone),
			EventLimit:     1000,
			CommandInclude: make([]string, 0),
			CommandExclude: make([]string, 0),
			MaxCommands:    200,
			CommandExpiry:  config.Duration(time.Hour),
			CommandTags:    make([]string, 0),
			Arguments:      "redacted",
			Redact:         make([]string, 0),
			MaxCmdline:     config.Size(1 << 10),
			ReceiveBuffer:  config.Size(32 << 20),
			Scheduling:     string(catcher.Auto),
			Repair:         true,
			proc:           "/proc",
			sys:            "/sys",
		}
	})
}
