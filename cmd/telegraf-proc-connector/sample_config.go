package main

import (
	"io"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

// sampleConfig prints a configuration file with all options.
func sampleConfig(_ arguments, stdout, _ io.Writer) int {
	if _, err := io.WriteString(stdout, new(proc_connector.ProcConnector).SampleConfig()); err != nil {
		return 1 // nobody reads what could be said about it
	}
	return 0
}
