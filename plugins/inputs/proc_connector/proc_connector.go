//go:generate ../../../tools/readme_config_includer/generator
//go:build linux

// Package proc_connector is a Telegraf service input that listens to the Linux
// process connector and reports what is started on the machine.
//
// This file is Telegraf's interface, and service.go the life cycle. Options are checked
// in config.go. An event is read and held in pending.go, observed in observe.go, applied
// in apply.go, and leaves as a metric through emitter.go; each measurement is made in a
// file metric_*.go.
package proc_connector

import (
	_ "embed"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/doctor"
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

	host     *host
	selected func(command string) bool // by command_include and command_exclude; nil selects all

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
		return newStartupError(advised(err))
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
// a millisecond as a rule, and up to 0.7 s while other sessions are at work on the
// count: see cnproc.Session.Ignore.
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

// A host is what a service works on. The services of tests differ in nothing else.
type host struct {
	proc, sys string // where proc and sysfs are mounted
	clock     clock
	listen    func(cnproc.Config) (session, error)
	catch     func(catcher.Config) (catchers, error)
	patience  time.Duration // how long a gather or a stop waits for the receiver
}

// A clock tells the times that events and /proc tell, in nanoseconds.
type clock struct {
	monotonic func() uint64 // CLOCK_MONOTONIC, of events
	suspended func() int64  // by how much CLOCK_BOOTTIME, of start times in /proc, is ahead
}

// A session is a *cnproc.Session.
type session interface { //nolint:interfacebloat // what the plugin uses of a *cnproc.Session
	Read(b *cnproc.Batch, idle time.Duration) error
	Wake() error
	SetWindow(d time.Duration)
	Check() (cnproc.CheckResult, error)
	Opening() cnproc.CheckResult
	Closing() cnproc.CheckResult
	Listening() bool
	ReceiveBuffer() int
	Stats() cnproc.Stats
	TakeLag() time.Duration
	Ignore() error
	Close() error
}

// catchers are *catcher.Catchers. Where there are none it is nil, and methods other than
// Take, Report and Failures may be called.
type catchers interface {
	Take(cpu uint32, pid int32, timestamp uint64, r *catcher.Record) bool
	ReadLinks(read bool)
	Check() (occupied, free []int)
	Report() catcher.Report
	Failures() <-chan error
	Release() (occupied []int)
	Close() error
}

var thisHost = &host{
	proc:  "/proc",
	sys:   "/sys",
	clock: clock{monotonic: cnproc.Monotonic, suspended: suspended},
	listen: func(cfg cnproc.Config) (session, error) {
		s, err := cnproc.Open(cfg)
		if err != nil {
			return nil, err // no session, and not a nil one
		}
		return s, nil
	},
	catch:    func(cfg catcher.Config) (catchers, error) { return catcher.Open(cfg) },
	patience: 5 * time.Second,
}

// suspended returns how long the machine was suspended. In a time namespace /proc tells
// start times by its clock, which may be behind.
func suspended() int64 {
	var boot unix.Timespec
	monotonic := cnproc.Monotonic()
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0 // no kernel that has the process connector lacks it
	}
	// Read one after the other, they differ by some nanoseconds in any case; a start
	// time is exact to 10 ms.
	return boot.Nano() - int64(monotonic)
}

// advised adds what an operator can do about an error of the connector.
func advised(err error) error {
	if advice := doctor.Advice(err); advice != "" {
		return fmt.Errorf("%w. %s", err, advice)
	}
	return err
}

// A startupError is why the plugin could not start. Telegraf's option
// startup_error_behavior applies only to errors that errors.As finds to be its
// own internal.StartupError, which no module but Telegraf's can name: so As makes
// one. Within Telegraf's tree it would be a literal of that type.
type startupError struct {
	err   error
	retry bool // a later start may succeed
}

func newStartupError(err error) error {
	retry := true
	for _, final := range []error{
		// Neither the kernel nor what this process is will become another.
		cnproc.ErrNoConnector, cnproc.ErrNoProcEvents, cnproc.ErrPermission,
		cnproc.ErrNetlinkDenied, cnproc.ErrOldKernel, cnproc.ErrTimeNamespace,
		cnproc.ErrNetworkNamespace, cnproc.ErrPIDNamespace, cnproc.ErrUserNamespace, catcher.ErrNotPermitted,
	} {
		retry = retry && !errors.Is(err, final)
	}
	return &startupError{err: err, retry: retry}
}

func (e *startupError) Error() string { return e.err.Error() }

func (e *startupError) Unwrap() error { return e.err }

// As fills in the target if it is a pointer to a *internal.StartupError.
func (e *startupError) As(target any) bool {
	pointer := reflect.TypeOf(target).Elem()
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct ||
		pointer.Elem().PkgPath() != "github.com/influxdata/telegraf/internal" || pointer.Elem().Name() != "StartupError" {
		return false
	}
	made := reflect.New(pointer.Elem())
	for name, value := range map[string]any{"Err": e.err, "Retry": e.retry} {
		field, v := made.Elem().FieldByName(name), reflect.ValueOf(value)
		if !field.IsValid() || !v.Type().AssignableTo(field.Type()) {
			return false // a Telegraf whose type is another
		}
		field.Set(v)
	}
	reflect.ValueOf(target).Elem().Set(made)
	return true
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
			host:           thisHost,
		}
	})
}
