// Command telegraf-proc-connector runs the input plugin proc_connector outside
// of Telegraf: as a program that Telegraf's execd input starts and talks to, or
// by hand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// version is set when the program is built from a release.
var version = ""

const usage = `Reports what is started on this machine, as line protocol on stdout.

Usage:
  telegraf-proc-connector [--config FILE] [--poll-interval DURATION]
  telegraf-proc-connector doctor [--config FILE] [--repair] [--json]
                             says whether events arrive here and, if not, why
  telegraf-proc-connector reconcile [--config FILE]
                             gives back what killed plugins left in the kernel
  telegraf-proc-connector sample-config    prints all options with defaults
  telegraf-proc-connector --version, --help

Options:
  --config FILE              options in a section [[inputs.proc_connector]];
                             without a file all have their defaults
  --poll-interval DURATION   how often to report counters (10s; 0: never);
                             a line on stdin, SIGHUP, SIGUSR1 or SIGUSR2 asks
                             for them at any time
  --repair, --json           mend a silenced connector; report to programs

The program ends when stdin ends, and on SIGINT, SIGTERM and SIGQUIT. With
/dev/null as stdin it runs until a signal.
`

const defaultPollInterval = 10 * time.Second

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// arguments are what a command line may hold, for whichever command.
type arguments struct {
	config       string
	pollInterval time.Duration
	version      bool
	repair, json bool
}

// A command is one of the things that this program can do.
type command struct {
	// flags are the names of those that it takes.
	flags []string
	run   func(args arguments, stdout, stderr io.Writer) int
}

// commands are all there are, by name: without one the plugin runs.
var commands = map[string]command{
	"":              {flags: []string{"config", "poll-interval", "version"}, run: runPlugin},
	"doctor":        {flags: []string{"config", "repair", "json"}, run: runDoctor},
	"reconcile":     {flags: []string{"config"}, run: reconcile},
	"sample-config": {run: sampleConfig},
	"help":          {run: help},
}

func help(_ arguments, stdout, stderr io.Writer) int { return show(stdout, stderr, usage) }

// flagSet defines those flags of a command line that a command takes, with the
// values in args as their defaults.
func (c command) flagSet(args *arguments) *flag.FlagSet {
	flags := flag.NewFlagSet("telegraf-proc-connector", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed by run, in one line
	for _, name := range c.flags {
		switch name {
		case "config":
			flags.StringVar(&args.config, name, args.config, "")
		case "poll-interval":
			flags.DurationVar(&args.pollInterval, name, args.pollInterval, "")
		case "version":
			flags.BoolVar(&args.version, name, args.version, "")
		case "repair":
			flags.BoolVar(&args.repair, name, args.repair, "")
		case "json":
			flags.BoolVar(&args.json, name, args.json, "")
		}
	}
	return flags
}

// run is main without the exit: it returns the exit status.
func run(words []string, stdout, stderr io.Writer) int {
	args := arguments{pollInterval: defaultPollInterval}
	c, err := parse(words, &args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return show(stdout, stderr, usage)
	case err != nil:
		return fail(stderr, fmt.Errorf("%w (see --help)", err))
	}
	return c.run(args, stdout, stderr)
}

// parse finds out which command is meant. What stands in front of its name counts
// as well.
func parse(words []string, args *arguments) (command, error) {
	plugin := commands[""]
	flags := plugin.flagSet(args)
	if err := flags.Parse(words); err != nil {
		return plugin, err
	}
	if flags.NArg() == 0 || args.version {
		return plugin, nil
	}
	name, rest := flags.Arg(0), flags.Args()[1:]
	c, known := commands[name]
	if !known || name == "" {
		return c, fmt.Errorf("unknown command %q, there are doctor, reconcile, sample-config and help", name)
	}
	flags = c.flagSet(args)
	if err := flags.Parse(rest); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return c, nil
}

// show prints what was asked for.
func show(stdout, stderr io.Writer, text string) int {
	if _, err := io.WriteString(stdout, text); err != nil {
		return fail(stderr, fmt.Errorf("writing to stdout failed: %w", err))
	}
	return 0
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "E! %s\n", oneLine(err.Error()))
	return 1
}

// runPlugin runs the plugin until it is told to stop.
func runPlugin(args arguments, stdout, stderr io.Writer) int {
	switch {
	case args.version:
		return show(stdout, stderr, fmt.Sprintf("telegraf-proc-connector %s (%s, %s/%s)\n",
			versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH))
	case args.pollInterval < 0:
		return fail(stderr, fmt.Errorf("--poll-interval: %v is negative, allowed is 0 (never) or more", args.pollInterval))
	}
	signals := catchSignals()
	log := newLogger(stderr)
	plugin, err := loadPlugin(args.config, log.named("inputs."+pluginName))
	if err != nil {
		return fail(stderr, err)
	}
	greet(stdout, stderr, args.pollInterval)
	return serve(plugin, args.pollInterval, signals, log)
}

// versionString is the release, or what is known of the source that this
// program was built from.
func versionString() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
