package main

import (
	"io"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

// sampleConfig prints a configuration file with all options.
func sampleConfig(_ arguments, stdout, stderr io.Writer) int {
	return show(stdout, stderr, new(proc_connector.ProcConnector).SampleConfig())
}
