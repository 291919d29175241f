package main

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

// Variables of the environment that only the binary of plugin.BuildFeed knows.
const (
	feedRateEnv     = "PROC_CONNECTOR_FEED_RATE"     // execs a second, in the place of the machine's
	feedDurationEnv = "PROC_CONNECTOR_FEED_DURATION" // and for how long
	profileEnv      = "PROC_CONNECTOR_PROFILE"       // a file for a profile of the CPU time
)

func init() {
	c := commands[""]
	c.run = func(args arguments, stdout io.Writer, log *logger) int {
		status := 1
		if err := profiled(func() { status = fedPlugin(args, stdout, log) }); err != nil {
			return log.fail(err)
		}
		return status
	}
	commands[""] = c
}

// fedPlugin runs the plugin, or a feed if there is a rate for it.
func fedPlugin(args arguments, stdout io.Writer, log *logger) int {
	if os.Getenv(feedRateEnv) == "" {
		return runPlugin(args, stdout, log)
	}
	rate, err := strconv.Atoi(os.Getenv(feedRateEnv))
	if err != nil {
		return log.fail(fmt.Errorf("%s: %w", feedRateEnv, err))
	}
	duration, err := time.ParseDuration(os.Getenv(feedDurationEnv))
	if err != nil {
		return log.fail(fmt.Errorf("%s: %w", feedDurationEnv, err))
	}
	signals := catchSignals()
	return serve(&proc_connector.Feed{Rate: rate, Duration: duration, Log: log.named("feed")}, args.pollInterval, signals, log)
}

// profiled runs f and writes its profile where that is wanted.
func profiled(f func()) error {
	path := os.Getenv(profileEnv)
	if path == "" {
		f()
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	f()
	pprof.StopCPUProfile()
	return file.Close()
}
