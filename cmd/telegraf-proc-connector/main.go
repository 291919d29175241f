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
  telegraf-proc-connector sample-config    print all options with their defaults
  telegraf-proc-connector --version
  telegraf-proc-connector --help

Options:
  --config FILE              options in a section [[inputs.proc_connector]];
                             without a file all have their defaults
  --poll-interval DURATION   how often to report counters (10s; 0: never);
                             a line on stdin, SIGHUP, SIGUSR1 or SIGUSR2 asks
                             for them at any time

The program ends when stdin ends, and on SIGINT, SIGTERM and SIGQUIT. With
/dev/null as stdin it runs until a signal.
`

const defaultPollInterval = 10 * time.Second

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the exit: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("telegraf-proc-connector", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed below, in one line
	configFile := flags.String("config", "", "")
	pollInterval := flags.Duration("poll-interval", defaultPollInterval, "")
	showVersion := flags.Bool("version", false, "")

	fail := func(err error) int {
		fmt.Fprintf(stderr, "E! %v\n", err)
		return 1
	}

	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		return fail(fmt.Errorf("%w (see --help)", err))
	case *showVersion:
		fmt.Fprintf(stdout, "telegraf-proc-connector %s (%s, %s/%s)\n", versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	case flags.NArg() > 1:
		return fail(fmt.Errorf("unexpected argument %q (see --help)", flags.Arg(1)))
	case *pollInterval < 0:
		return fail(fmt.Errorf("--poll-interval: %v is negative, allowed is 0 (never) or more", *pollInterval))
	}

	switch command := flags.Arg(0); command {
	case "":
		signals := catchSignals()
		log := newLogger(stderr)
		plugin, err := loadPlugin(*configFile, log.named("inputs."+pluginName))
		if err != nil {
			return fail(err)
		}
		return serve(plugin, *pollInterval, signals, log)
	case "sample-config":
		return sampleConfig(stdout)
	default:
		return fail(fmt.Errorf("unknown command %q (see --help)", command))
	}
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
