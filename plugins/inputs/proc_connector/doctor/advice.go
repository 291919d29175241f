package doctor

import (
	"errors"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

const leaseAdvice = "Name a folder of the user that runs the plugin with the option state_directory, or use systemd's RuntimeDirectory=."

// Advice is what an operator can do about an error of package cnproc, or nothing.
func Advice(err error) string {
	var lease *cnproc.LeaseError
	switch {
	case errors.Is(err, cnproc.ErrProcSubset):
		return "" // it says so itself
	case errors.As(err, &lease):
		return strings.TrimSuffix(leaseAdvice, ".")
	}
	f := Facts{Connector: Connector{err: err}}
	if !errors.Is(err, cnproc.ErrUnanswered) {
		f.Kernel.Release = "any" // there is a /proc
	}
	if finding := obstructed(&f); finding.ID != IDUnknown {
		return strings.TrimSuffix(finding.Advice, ".")
	}
	return ""
}
