// Package doctor finds out whether the process connector of a machine works, why not, and
// what to do. It is free of Telegraf, builds on Linux only, and works in three steps: facts.go
// and others.go gather what is the case, and leave the kernel's count of listeners as it was;
// judge.go turns that into findings, and asks nobody, so that tests can show it machines that
// are not at hand; text.go and WriteJSON present both to people and to programs.
package doctor

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A Report is what is known of a machine's connector. Its JSON form is an interface: names
// stay as they are, new ones may come.
type Report struct {
	// Healthy says that a program that listens here hears what the kernel reports. Notes do
	// not change that.
	Healthy  bool      `json:"healthy"`
	Findings []Finding `json:"findings"`         // problems first, notes last
	Repair   *Repair   `json:"repair,omitempty"` // what was done, nil if nothing was
	Facts
}

// A Finding is one thing to know, in one sentence, and what to do about it.
type Finding struct {
	ID     string `json:"id"` // as in findings.txt
	Level  Level  `json:"level"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// A Level says how bad a Finding is.
type Level string

// The levels, in the order in which findings are shown.
const (
	Problem Level = "problem" // programs hear nothing, or that is not known
	OK      Level = "ok"      // good news
	Note    Level = "note"    // something could be better, and nobody is blind for it
)

// A Repair is what was done to the kernel's count.
type Repair struct {
	Listens  int    `json:"listens"`  // LISTENs sent to repair a silenced connector
	Released int    `json:"released"` // LISTENs of killed plugins that were given back
	Mistaken int    `json:"mistaken"` // leases removed because the count does not hold what they claim
	Kept     int    `json:"kept"`     // leases whose claim may as well be another program's
	Error    string `json:"error,omitempty"`
}

// Options say what to look at.
type Options struct {
	Connector cnproc.Config // of the plugin whose machine is looked at, with nothing left out
	Isolated  string        // the isolated CPUs on which it has no catcher, such as "CPUs 2-3"
	// Repair permits to repair a silenced connector and to give back what killed plugins have
	// left behind. Without it nothing is changed.
	Repair bool
}

// Run finds out what there is to know.
func Run(o Options) *Report {
	r := Report{Facts: gather(o)}
	if c := r.Connector; o.Repair && c.Examined && (c.Silenced || len(r.Leases.Stale) > 0) {
		cfg := o.Connector
		cfg.Repair = true
		done, err := cnproc.Reconcile(cfg)
		r.Repair = &Repair{
			Listens: done.Listens, Released: done.Released, Mistaken: done.Mistaken, Kept: done.Kept,
			Error: oneLine(errors.Join(err, done.Err)),
		}
		r.Facts = gather(o)
	}
	r.judge()
	return &r
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
