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

// runDoctor says whether the process connector works here and, if not, why and what to do.
// The exit status is 0 if it does.
func runDoctor(args arguments, stdout io.Writer, log *logger) int {
	plugin, err := loadPlugin(args.config, log)
	if err != nil {
		return log.fail(err)
	}
	options := doctor.Options{Connector: plugin.Connector(), Isolated: plugin.IsolatedCPUs(), Repair: args.repair}
	signals := catchSignals()
	report := doctor.Run(options)
	signal.Stop(signals)

	write := report.WriteText
	if args.json {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return log.fail(fmt.Errorf("writing the report failed: %w", err))
	}
	if !report.Healthy {
		return 1
	}
	return 0
}

// seeDoctor is what to add to an error if the command doctor can say more: those of the
// connector, of capabilities, and of files that it needs, such as /proc.
func seeDoctor(err error) string {
	var op *cnproc.OpError
	var file *fs.PathError
	if errors.As(err, &op) || errors.As(err, &file) || errors.Is(err, cnproc.ErrSilenced) || errors.Is(err, fs.ErrPermission) {
		return " (telegraf-proc-connector doctor shows more)"
	}
	return ""
}
