package doctor

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A Report is what is known of a machine's connector. Its JSON form is an
// interface: names stay as they are, new ones may come.
type Report struct {
	// Healthy says that a program that listens here hears what the kernel
	// reports. Notes do not change that.
	Healthy bool `json:"healthy"`
	// Findings come in the order of their level, problems first.
	Findings []Finding `json:"findings"`
	// Repair is what was done, nil if nothing was.
	Repair *Repair `json:"repair,omitempty"`
	Facts
}

// A Finding is one thing to know, in one sentence, and what to do about it.
type Finding struct {
	ID     string `json:"id"` // one of the constants ID...
	Level  Level  `json:"level"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// A Level says how bad a Finding is.
type Level string

const (
	// Problem means that programs hear nothing, or that it is not known.
	Problem Level = "problem"
	// Note means that something could be better, and nobody is blind for it.
	Note Level = "note"
	// OK is good news.
	OK Level = "ok"
)

// What a finding is about.
const (
	IDWorks            = "works"
	IDNoConnector      = "no_connector"
	IDNoProcEvents     = "no_proc_events"
	IDNetlinkDenied    = "netlink_denied"
	IDOldKernel        = "old_kernel"
	IDTimeNamespace    = "time_namespace"
	IDNamespace        = "namespace"
	IDPermission       = "permission"
	IDSilenced         = "silenced"
	IDNoProc           = "no_proc"
	IDUnknown          = "unknown"
	IDRepaired         = "repaired"
	IDRepairFailed     = "repair_failed"
	IDReleased         = "released"
	IDMistaken         = "mistaken_leases"
	IDKept             = "kept_leases"
	IDUnheard          = "unheard_members"
	IDLeaked           = "leaked_listen"
	IDStaleLeases      = "stale_leases"
	IDStateDirectory   = "state_directory"
	IDReceiveBuffer    = "receive_buffer"
	IDRightsUnknown    = "rights_unknown"
	IDForeignProcesses = "foreign_processes"
	IDScheduling       = "scheduling"
	IDIsolated         = "isolated_cpus"
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
	// Connector is the configuration of the plugin whose machine is looked at.
	Connector cnproc.Config
	// Isolated names the CPUs on which the plugin has no catcher because they are
	// isolated, such as "CPUs 2-3".
	Isolated string
	// Repair permits to repair a silenced connector and to give back what killed
	// plugins have left behind.
	Repair bool
}

// Run finds out what there is to know. Unless Options.Repair is set it changes
// nothing.
func Run(o Options) (*Report, error) {
	if o.Connector.Proc == "" {
		o.Connector.Proc = "/proc"
	}
	f := gather(o.Connector)
	f.Isolated = o.Isolated
	var r *Repair
	if o.Repair && f.repairable() {
		r = repair(o.Connector)
		f = gather(o.Connector)
		f.Isolated = o.Isolated
	}
	return newReport(&f, r), nil
}

func newReport(f *Facts, r *Repair) *Report {
	report := &Report{Healthy: true, Findings: judge(f, r), Repair: r, Facts: *f}
	for _, finding := range report.Findings {
		report.Healthy = report.Healthy && finding.Level != Problem
	}
	return report
}

// repairable reports whether there is something to repair, and a connector to do
// it with.
func (f *Facts) repairable() bool {
	return f.Connector.Examined && (f.Connector.Silenced || len(f.Leases.Stale) > 0)
}

// repair is a short session, which repairs the count.
func repair(cfg cnproc.Config) *Repair {
	cfg.Repair = true
	found, err := cnproc.Reconcile(cfg)
	r := &Repair{Listens: found.Listens, Released: found.Released, Mistaken: found.Mistaken, Kept: found.Kept}
	if err = errors.Join(err, found.Err); err != nil {
		r.Error = oneLine(err)
	}
	return r
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
