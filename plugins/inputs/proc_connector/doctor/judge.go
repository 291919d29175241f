package doctor

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

//go:embed findings.txt
var findingsFile string

// findings are those of findings.txt, by id.
var findings = sync.OnceValue(func() map[string]Finding {
	byID := make(map[string]Finding)
	for paragraph := range strings.SplitSeq(findingsFile, "\n\n") {
		head, body, _ := strings.Cut(paragraph, "\n")
		id, level, _ := strings.Cut(head, " ")
		text, advice, _ := strings.Cut(strings.Join(strings.Fields(body), " "), " To do: ")
		byID[id] = Finding{Level: Level(level), Text: text, Advice: advice}
	}
	delete(byID, "#")
	return byID
})

// judge says what the facts, and what was done about them, mean.
func (r *Report) judge() {
	r.Healthy = true
	c, rights, done := &r.Connector, r.Rights, cmp.Or(r.Repair, new(Repair))
	alone := c.Examined && len(r.Members) == 0
	stale, uncounted := len(r.Leases.Stale) > 0, alone && !c.HeardBefore
	proc := r.Kernel.Release != "" // otherwise that is said already, and explains the rest

	for _, f := range []struct {
		id    string
		holds bool
	}{
		{obstacle(c.err, proc), !c.Examined},
		{"silenced", c.Silenced},
		{"repair_failed", done.Error != ""},

		{"works", c.Examined && !c.Silenced},
		{"released", done.Released > 0},

		{"repaired", done.Listens > 0},
		{"mistaken_leases", done.Mistaken > 0},
		{"kept_leases", done.Kept > 0},
		{"unheard_members", c.Examined && !c.Silenced && !c.HeardBefore && !alone},
		{"stale_leases", stale && !uncounted},
		{"stale_leases/uncounted", stale && uncounted},
		{"leaked_listen", !stale && alone && c.HeardBefore},
		{"receive_buffer", proc && c.Examined && r.Buffer.Granted < r.Buffer.Wanted},
		{"rights_unknown", proc && !rights.Known},
		{"foreign_processes", proc && rights.Known && !rights.SysPtrace},
		{"scheduling", proc && rights.Known && !rights.SysNice},
		{"isolated_cpus", proc && r.Isolated != ""},
		{"state_directory", proc && r.Leases.Error != ""},
	} {
		if f.holds {
			found := r.find(f.id)
			r.Findings = append(r.Findings, found)
			r.Healthy = r.Healthy && found.Level != Problem
		}
	}
}

// obstacle is the id of what is in the way of listening.
func obstacle(err error, proc bool) string {
	for _, o := range []struct {
		err error
		id  string
	}{
		{cnproc.ErrNoConnector, "no_connector"},
		{cnproc.ErrNoProcEvents, "no_proc_events"},
		{cnproc.ErrNetlinkDenied, "netlink_denied"},
		{cnproc.ErrOldKernel, "old_kernel"},
		{cnproc.ErrTimeNamespace, "time_namespace"},
		{cnproc.ErrNetworkNamespace, "namespace"},
		{cnproc.ErrPIDNamespace, "namespace"},
		{cnproc.ErrUserNamespace, "namespace"},
		{cnproc.ErrPermission, "permission"},
	} {
		if errors.Is(err, o.err) {
			return o.id
		}
	}
	if !proc {
		return "no_proc"
	}
	return "unknown"
}

// Advice is what an operator can do about an error of package cnproc, or nothing.
func Advice(err error) string {
	id := obstacle(err, !errors.Is(err, cnproc.ErrUnanswered))
	if lease := new(cnproc.LeaseError); errors.As(err, &lease) {
		id = "state_directory"
	}
	if id == "unknown" || errors.Is(err, cnproc.ErrProcSubset) { // which says so itself
		return ""
	}
	r := Report{Facts: Facts{Connector: Connector{err: err}}}
	return strings.TrimSuffix(r.find(id).Advice, ".")
}

// find returns a finding of the report's facts.
func (r *Report) find(id string) Finding {
	f, values := findings()[id], r.values()
	value := func(name string) string { return values[name] }
	f.ID, _, _ = strings.Cut(id, "/")
	f.Text, f.Advice = os.Expand(f.Text, value), os.Expand(f.Advice, value)
	return f
}

// values are what is filled in.
func (r *Report) values() map[string]string {
	done := cmp.Or(r.Repair, new(Repair))
	values := map[string]string{
		"error":        r.Connector.Error,
		"members":      listing(r.Members),
		"stale":        plural(len(r.Leases.Stale), "lease"),
		"granted":      kib(r.Buffer.Granted),
		"wanted":       kib(r.Buffer.Wanted),
		"wanted_bytes": strconv.Itoa(r.Buffer.Wanted),
		"isolated":     r.Isolated,
		"lease_error":  r.Leases.Error,
		"repair_error": done.Error,
		"listens":      plural(done.Listens, "LISTEN"),
		"released":     plural(done.Released, "LISTEN"),
		"mistaken":     plural(done.Mistaken, "lease"),
		"kept":         plural(done.Kept, "lease"),

		"plugin_repairs": "The plugin does not do it by itself, because its option repair is off.",
	}
	if r.Connector.Repair {
		values["plugin_repairs"] = "The plugin does the same when it starts and at each gather."
	}
	if r.Kernel.Rules != EachRequest {
		values["any_user"] = ": it may be any user's"
	}
	if len(r.Members) > 0 {
		values["deaf"] = "; deaf now: " + listing(r.Members)
	}
	switch n := r.Connector.Missing; {
	case n < 0:
		values["depth"] = "further below zero than could be counted in two seconds"
	case n == 1:
		values["depth"] = "1 below zero, the next program that listens will hear nothing"
	default:
		values["depth"] = fmt.Sprintf("%d below zero, the next %d programs that listen will hear nothing", n, n)
	}
	values["namespaces"], values["docker"], values["kubernetes"] = namespaces(r.Connector.err)
	return values
}

// namespaces names those in which this process is not with the host, and says how a container
// of docker or podman and one of Kubernetes get the host's.
func namespaces(err error) (which, docker, kubernetes string) {
	var names, options, fields []string
	for _, ns := range []struct {
		err                 error
		name, option, field string
	}{
		{cnproc.ErrNetworkNamespace, "network", "--network=host", "hostNetwork: true"},
		{cnproc.ErrPIDNamespace, "pid", "--pid=host", "hostPID: true"},
		{cnproc.ErrUserNamespace, "user", "--userns=host", "hostUsers: true"},
	} {
		if errors.Is(err, ns.err) {
			names, options, fields = append(names, ns.name), append(options, ns.option), append(fields, ns.field)
		}
	}
	which = enumerate(names) + " namespace"
	if len(names) > 1 {
		which += "s"
	}
	return which, strings.Join(options, " "), strings.Join(fields, ", ")
}
