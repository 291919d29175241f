// Command telegraf-proc-connector runs the input plugin proc_connector outside of Telegraf:
// as a program that Telegraf's execd input starts and talks to, or by hand. It builds on
// Linux only.
package main

import (
	"cmp"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

// version is set when the program is built from a release.
var version = ""

//go:embed usage.txt
var usage string

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
	run   func(args arguments, stdout io.Writer, log *logger) (status int)
	flags []string // the names of those that it takes
}

// commands are all there are, by name: without one the plugin runs.
var commands = map[string]command{
	"":              {runPlugin, []string{"config", "poll-interval", "version"}},
	"doctor":        {runDoctor, []string{"config", "repair", "json"}},
	"reconcile":     {reconcile, []string{"config"}},
	"sample-config": {show(new(proc_connector.ProcConnector).SampleConfig()), nil},
	"help":          {show(usage), nil},
}

// flagSet defines those flags of a command line that a command takes, with the values in
// args as their defaults.
func (c command) flagSet(args *arguments) *flag.FlagSet {
	all := flag.NewFlagSet("", flag.ContinueOnError)
	all.StringVar(&args.config, "config", args.config, "")
	all.DurationVar(&args.pollInterval, "poll-interval", args.pollInterval, "")
	all.BoolVar(&args.version, "version", args.version, "")
	all.BoolVar(&args.repair, "repair", args.repair, "")
	all.BoolVar(&args.json, "json", args.json, "")

	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed by run, in one line
	for _, name := range c.flags {
		flags.Var(all.Lookup(name).Value, name, "")
	}
	return flags
}

// run is main without the exit: it returns the exit status.
func run(words []string, stdout, stderr io.Writer) int {
	log := newLogger(stderr)
	defer log.flush()
	args := arguments{pollInterval: 10 * time.Second}
	c, err := parse("", words, &args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return show(usage)(args, stdout, log)
	case err != nil:
		return log.fail(fmt.Errorf("%w (see --help)", err))
	}
	return c.run(args, stdout, log)
}

// parse finds out which command is meant by words behind the name of one. What stands in
// front of a name counts as well.
func parse(name string, words []string, args *arguments) (command, error) {
	c := commands[name]
	flags := c.flagSet(args)
	if err := flags.Parse(words); err != nil || flags.NArg() == 0 || args.version {
		return c, err
	}
	next := flags.Arg(0)
	if name != "" {
		return c, fmt.Errorf("unexpected argument %q", next)
	}
	if _, known := commands[next]; !known || next == "" {
		return c, fmt.Errorf("unknown command %q, there are doctor, reconcile, sample-config and help", next)
	}
	return parse(next, flags.Args()[1:], args)
}

// show returns a command that prints a text.
func show(text string) func(arguments, io.Writer, *logger) int {
	return func(_ arguments, stdout io.Writer, log *logger) int {
		if _, err := io.WriteString(stdout, text); err != nil {
			return log.fail(fmt.Errorf("writing to stdout failed: %w", err))
		}
		return 0
	}
}

// runPlugin runs the plugin until it is told to stop.
func runPlugin(args arguments, stdout io.Writer, log *logger) int {
	if args.version {
		return show(fmt.Sprintf("telegraf-proc-connector %s (%s, %s/%s)\n",
			versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH))(args, stdout, log)
	}
	if args.pollInterval < 0 {
		return log.fail(fmt.Errorf("--poll-interval: %v is negative, allowed is 0 (never) or more", args.pollInterval))
	}
	signals := catchSignals()
	plugin, err := loadPlugin(args.config, log.named("inputs."+pluginName))
	if err != nil {
		return log.fail(err)
	}
	greet(args.pollInterval)
	return serve(plugin, args.pollInterval, signals, log)
}

// versionString is the release, or what is known of the source.
func versionString() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return cmp.Or(version, info.Main.Version, "unknown")
}

// greet tells somebody who runs the program by hand what it does, and how to end it. It does
// not greet Telegraf, nor somebody who keeps the metrics in a file.
func greet(pollInterval time.Duration) {
	if !isatty.IsTerminal(os.Stdout.Fd()) {
		return
	}
	counters := "counters only on request"
	if pollInterval > 0 {
		counters = fmt.Sprintf("counters every %v", pollInterval)
	}
	keys := "Ctrl-C stops."
	if isatty.IsTerminal(os.Stdin.Fd()) {
		keys = "Enter reports counters at once, Ctrl-C stops."
	}
	fmt.Fprintf(os.Stderr, "Reporting what is started on this machine, as Telegraf will see it: %s.\n%s\n", counters, keys)
}
