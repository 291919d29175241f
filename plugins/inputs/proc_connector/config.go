//go:build linux

package proc_connector

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/filter"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/redact"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/users"
)

// Limits of the options keep the plugin's memory bounded, and a slip of the keyboard from
// doing harm.
const (
	minCmdline, maxCmdline             = 16, 64 << 10
	minReceiveBuffer, maxReceiveBuffer = 4 << 10, 512 << 20
	maxMaxCommands                     = 100_000
	maxEventLimit                      = 1_000_000
)

var (
	execFields  = []string{"pid", "ppid", "parent_command", "cmdline", "exe", "cwd", "uid", "user", "unit", "container_id"}
	exitEvents  = []string{string(exitNone), string(exitFailed), string(exitAll)}
	commandTags = []string{"user", "unit", "container"}
	schedulings = []string{string(catcher.Auto), string(catcher.Realtime), string(catcher.Nice), string(catcher.Normal)}
	arguments   = []string{"redacted", "options", "full", "none"}
)

// UnmarshalTOML reads the options and checks them, so that Telegraf names the
// file when one is wrong. Init, which does not know the file, checks again for
// those who fill in the options themselves.
func (p *ProcConnector) UnmarshalTOML(decode func(interface{}) error) error {
	type options ProcConnector // without this method
	if err := decode((*options)(p)); err != nil {
		return err
	}
	return p.checkOptions()
}

// checkOptions returns the first mistake.
func (p *ProcConnector) checkOptions() error {
	return cmp.Or(
		someOf("exec_fields", p.ExecFields, execFields),
		oneOf("exit_events", p.ExitEvents, exitEvents),
		inRange("event_limit", p.EventLimit, 0, maxEventLimit, "is", fmt.Sprintf("are 0 (no limit) to %d", maxEventLimit)),
		inRange("max_commands", p.MaxCommands, 1, maxMaxCommands, "is", fmt.Sprintf("are 1 to %d", maxMaxCommands)),
		inRange("command_expiry", time.Duration(p.CommandExpiry), time.Second, math.MaxInt64, "is", "is 1s or more"),
		someOf("command_tags", p.CommandTags, commandTags),
		p.selectCommands(),
		oneOf("arguments", p.Arguments, arguments),
		p.checkRedact(),
		inRange("max_cmdline", int(p.MaxCmdline), minCmdline, maxCmdline, "bytes are", "are 16B to 64KiB"),
		inRange("receive_buffer", int64(p.ReceiveBuffer), minReceiveBuffer, maxReceiveBuffer, "bytes are", "are 4KiB to 512MiB"),
		oneOf("scheduling", p.Scheduling, schedulings),
		p.checkStateDirectory(),
	)
}

func inRange[T cmp.Ordered](option string, value, lowest, highest T, is, allowed string) error {
	if value >= lowest && value <= highest {
		return nil
	}
	return fmt.Errorf("option %s: %v %s out of range, allowed %s", option, value, is, allowed)
}

func (p *ProcConnector) checkRedact() error {
	if _, err := redact.New(p.Redact); err != nil {
		return fmt.Errorf("option redact: %w", err)
	}
	if len(p.Redact) > 0 && p.Arguments != "redacted" {
		return fmt.Errorf("option redact: it has no effect with arguments = %q, allowed is arguments = \"redacted\"", p.Arguments)
	}
	return nil
}

func (p *ProcConnector) checkStateDirectory() error {
	if p.StateDirectory != "" && !filepath.IsAbs(p.StateDirectory) {
		return fmt.Errorf("option state_directory: %q is a relative path, allowed is one that begins with /", p.StateDirectory)
	}
	return nil
}

// selectCommands compiles command_include and command_exclude.
func (p *ProcConnector) selectCommands() error {
	if err := cmp.Or(checkGlobs("command_include", p.CommandInclude), checkGlobs("command_exclude", p.CommandExclude)); err != nil {
		return err
	}
	p.selected = nil
	if len(p.CommandInclude)+len(p.CommandExclude) == 0 {
		return nil
	}
	f, err := filter.NewIncludeExcludeFilter(p.CommandInclude, p.CommandExclude)
	if err == nil {
		p.selected = f.Match
	}
	return err
}

func checkGlobs(option string, globs []string) error {
	for _, g := range globs {
		if g == "" {
			return fmt.Errorf("option %s: an empty glob selects nothing, allowed are names with the wildcards * ? [ ] { }", option)
		}
		if _, err := filter.Compile([]string{g}); err != nil {
			return fmt.Errorf("option %s: %q is no glob (%w), allowed are names with the wildcards * ? [ ] { }", option, g, err)
		}
	}
	return nil
}

// someOf checks an option that is a list of different words.
func someOf(option string, values, allowed []string) error {
	for i, v := range values {
		if err := oneOf(option, v, allowed); err != nil {
			return err
		}
		if slices.Contains(values[:i], v) {
			return fmt.Errorf("option %s: %q is there twice, allowed is each once", option, v)
		}
	}
	return nil
}

// emitter returns an emitter that shows of command lines what the options allow.
func (p *ProcConnector) emitter(acc telegraf.Accumulator) (*emitter, error) {
	e := newEmitter(acc, p.ExecFields, p.Arguments == "none", int(p.MaxCmdline))
	var err error
	if e.users, err = users.New(); err != nil {
		p.Log.Warnf("Users are shown by their ids, because the file passwd in HOST_ETC cannot be read: %v", err)
	}
	switch p.Arguments {
	case "redacted":
		redactor, err := redact.New(p.Redact)
		if err != nil {
			return nil, err
		}
		e.mask = redactor.Append
	case "options":
		e.mask = cmdline.Options
	}
	return e, nil
}

func oneOf(option, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("option %s: %q is unknown, allowed are %s", option, value, strings.Join(allowed, ", "))
}

// allTypes are all the events there are: each feeds a counter.
var allTypes = []cnproc.EventType{
	cnproc.EventFork, cnproc.EventExec, cnproc.EventUID, cnproc.EventGID, cnproc.EventSID,
	cnproc.EventPtrace, cnproc.EventComm, cnproc.EventCoredump, cnproc.EventExit,
}

// Connector is how the plugin listens with these options, for others that look at
// the connector in its place.
func (p *ProcConnector) Connector() cnproc.Config {
	return cnproc.Config{
		ReceiveBuffer:  int(p.ReceiveBuffer),
		Filter:         cnproc.Filter{Types: allTypes, NoThreads: !p.Threads},
		Repair:         p.Repair,
		StateDirectory: p.StateDir(),
		Proc:           p.host.proc,
	}
}

// defaultStateDirectory is where leases are kept if nobody says otherwise.
const defaultStateDirectory = "/run/telegraf-proc-connector"

// StateDir is the directory in which leases are kept: the option state_directory,
// else the one that systemd has made for the service (RuntimeDirectory= in
// systemd.exec(5); of several the first), else one of the plugin's own.
func (p *ProcConnector) StateDir() string {
	if p.StateDirectory != "" {
		return p.StateDirectory
	}
	if dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); filepath.IsAbs(dir) {
		return dir
	}
	return defaultStateDirectory
}

// wanted says what is read of a process at an exec with these options.
func (p *ProcConnector) wanted() wanted {
	tags, kept := p.tags(), exitChoice(p.ExitEvents) != exitNone
	field := func(name string) bool { return p.ExecEvents && slices.Contains(p.ExecFields, name) }
	return wanted{
		kept:    kept,
		cmdline: kept || field("cmdline"),
		exe:     field("exe"),
		cwd:     field("cwd"),
		cgroup:  tags.Unit || tags.Container || field("unit") || field("container_id"),
	}
}

func (p *ProcConnector) tags() processes.Tags {
	return processes.Tags{
		User:      slices.Contains(p.CommandTags, "user"),
		Unit:      slices.Contains(p.CommandTags, "unit"),
		Container: slices.Contains(p.CommandTags, "container"),
	}
}

// catch starts the catchers.
func (p *ProcConnector) catch() (catchers, error) {
	want := p.wanted()
	cfg := catcher.Config{
		Proc:       p.host.proc,
		Sys:        p.host.sys,
		Scheduling: catcher.Scheduling(p.Scheduling),
		Wanted:     catcher.Wanted{Exe: want.exe, Cwd: want.cwd, Cgroup: want.cgroup},
	}
	if want.cmdline {
		cfg.Wanted.Cmdline = max(int(p.MaxCmdline)+2, nameLength)
	}
	c, err := p.host.catch(cfg)
	if errors.Is(err, catcher.ErrNotPermitted) {
		err = fmt.Errorf("option scheduling: %q cannot be had, allowed is \"auto\", which takes what is permitted: %w", p.Scheduling, err)
	}
	return c, err
}

// IsolatedCPUs names the CPUs on which no catcher runs with these options because
// they are isolated, such as "CPUs 2-3". It is empty if there are none.
func (p *ProcConnector) IsolatedCPUs() string {
	// What cannot be read is reported when the plugin starts.
	cpus, err := catcher.Isolated(p.host.sys, catcher.Scheduling(p.Scheduling))
	if err != nil || len(cpus) == 0 {
		return ""
	}
	return catcher.CPUList(cpus)
}
