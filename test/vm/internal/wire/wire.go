// Package wire is what the host and the guest's init agree on: where things are
// in the guest, what it is to run, and how it reports.
package wire

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Paths in the guest.
const (
	PlanPath  = "/plan.json"
	Tests     = "/tests"
	Artifacts = "/artifacts"
	// Port carries the report, while the kernel has the first serial port for
	// its console: so nothing can get between the lines of a test.
	Port = "/dev/ttyS1"
)

// Plan is what the guest runs, one after the other.
type Plan struct {
	Env  []string
	Runs []Run
}

// Run is a test binary with its arguments.
type Run struct {
	Name string
	Args []string
}

// Lines of the report. Whatever comes between the lines Begin and End of a run is
// what it printed.
const (
	Kernel = "kernel" // the guest's kernel release, its clock in nanoseconds
	Begin  = "begin"  // name
	End    = "end"    // name, how it ended: "ok" if all is well
	Off    = "off"    // its clock again: all runs are over, and so is the guest
)

// mark begins a line of the report, and no line of a test.
const mark = "\x01"

// Line makes a line of the report.
func Line(kind string, words ...string) string {
	return mark + strings.Join(append([]string{kind}, words...), " ") + "\n"
}

// Parse reads a line of the report, and reports false for all others.
func Parse(line string) (kind string, words []string, ok bool) {
	line, ok = strings.CutPrefix(line, mark)
	if !ok {
		return "", nil, false
	}
	kind, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	// How a run ended takes more than one word.
	return kind, strings.SplitN(rest, " ", 2), true
}

// ReadPlan reads the plan in the guest.
func ReadPlan() (Plan, error) {
	var plan Plan
	text, err := os.ReadFile(PlanPath)
	if err != nil {
		return plan, err
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		return plan, fmt.Errorf("%s: %w", PlanPath, err)
	}
	return plan, nil
}
