package doctor

import (
	"encoding/json"
	"errors"
	"io"
	"slices"

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
	// left behind.
	Repair bool
}

// Run finds out what there is to know. Unless Options.Repair is set it changes nothing.
func Run(o Options) *Report {
	f := gather(o)
	var done *Repair
	if c := f.Connector; o.Repair && c.Examined && (c.Silenced || len(f.Leases.Stale) > 0) {
		done = repair(o.Connector)
		f = gather(o)
	}
	return newReport(&f, done)
}

func newReport(f *Facts, done *Repair) *Report {
	r := &Report{Repair: done, Facts: *f}
	r.judge()
	r.Healthy = !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Problem })
	return r
}

// repair is a short session, which repairs the count.
func repair(cfg cnproc.Config) *Repair {
	cfg.Repair = true
	found, err := cnproc.Reconcile(cfg)
	return &Repair{
		Listens: found.Listens, Released: found.Released, Mistaken: found.Mistaken, Kept: found.Kept,
		Error: oneLine(errors.Join(err, found.Err)),
	}
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
