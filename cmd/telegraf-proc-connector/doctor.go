package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/signal"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/doctor"
)

// runDoctor says whether the process connector works here and, if not, why and what
// to do. The exit status is 0 if it does.
func runDoctor(args arguments, stdout, stderr io.Writer) int {
	log := newLogger(stderr)
	defer log.flush()
	plugin, err := loadPlugin(args.config, log)
	if err != nil {
		return fail(stderr, err)
	}
	options := doctor.Options{Connector: plugin.Connector(), Isolated: plugin.IsolatedCPUs(), Repair: args.repair}
	var report *doctor.Report
	undisturbed(func() { report = doctor.Run(options) })
	write := report.WriteText
	if args.json {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return fail(stderr, fmt.Errorf("writing the report failed: %w", err))
	}
	if !report.Healthy {
		return 1
	}
	return 0
}

// connector is how the plugin would listen with the options of a file, or with
// its defaults if path is empty.
func connector(path string, stderr io.Writer) (cnproc.Config, error) {
	log := newLogger(stderr)
	defer log.flush()
	plugin, err := loadPlugin(path, log)
	if err != nil {
		return cnproc.Config{}, err
	}
	return plugin.Connector(), nil
}

// undisturbed runs f with all signals held off that would end the program. f
// changes the kernel's listener count and takes that back in a moment, which an
// impatient Ctrl-C must not prevent.
func undisturbed(f func()) {
	signals := catchSignals()
	f()
	signal.Stop(signals)
}

// seeDoctor is what to add to an error if the command doctor can say more: those
// of the connector, of rights, and of files that it needs, such as /proc.
func seeDoctor(err error) string {
	var op *cnproc.OpError
	var file *fs.PathError
	if errors.As(err, &op) || errors.As(err, &file) || errors.Is(err, cnproc.ErrSilenced) || errors.Is(err, fs.ErrPermission) {
		return " (telegraf-proc-connector doctor shows more)"
	}
	return ""
}
