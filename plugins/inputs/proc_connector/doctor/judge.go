package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// judge says what facts, and what was done about them, mean. r is nil if nothing
// was done.
func judge(f *Facts, r *Repair) []Finding {
	findings := make([]Finding, 0, 4)
	add := func(more ...Finding) { findings = append(findings, more...) }
	switch {
	case !f.Connector.Examined:
		add(obstructed(f))
	case f.Connector.Silenced:
		add(silenced(f))
	default:
		add(Finding{ID: IDWorks, Level: OK, Text: "The process connector works: a program that listens hears what the kernel reports."})
	}
	if r != nil {
		add(repaired(r)...)
	}
	add(unheard(f)...)
	add(leftovers(f)...)
	add(shortcomings(f)...)

	order := []Level{Problem, OK, Note}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return slices.Index(order, a.Level) - slices.Index(order, b.Level)
	})
	return findings
}

// obstructed names what is in the way of listening.
func obstructed(f *Facts) Finding {
	problem := func(id, text, advice string) Finding {
		return Finding{ID: id, Level: Problem, Text: text, Advice: advice}
	}
	namespaces := f.Connector.namespaces()
	switch err := f.Connector.err; {
	case errors.Is(err, cnproc.ErrNoConnector):
		return problem(IDNoConnector, "This kernel has no connector.",
			"Boot a kernel that is built with CONFIG_CONNECTOR=y and CONFIG_PROC_EVENTS=y.")
	case errors.Is(err, cnproc.ErrNoProcEvents):
		return problem(IDNoProcEvents, "This kernel has a connector, but reports no process events: there is no cn_proc in /proc/net/connector.",
			"Boot a kernel that is built with CONFIG_PROC_EVENTS=y.")
	case errors.Is(err, cnproc.ErrNetlinkDenied):
		return problem(IDNetlinkDenied, "Netlink sockets are forbidden to this process.",
			"Let RestrictAddressFamilies= of its systemd unit name AF_NETLINK, "+
				"or whatever else restricts it (seccomp, AppArmor, SELinux) permit socket(AF_NETLINK).")
	case errors.Is(err, cnproc.ErrOldKernel):
		return problem(IDOldKernel, "This kernel does not tell how many events were lost (SO_MEMINFO).", "Boot Linux 4.12 or later.")
	case errors.Is(err, cnproc.ErrTimeNamespace):
		return problem(IDTimeNamespace, "This process is in a time namespace whose offset cannot be found out.", "Run it in the host's time namespace.")
	case len(namespaces) > 0:
		return foreign(namespaces)
	case errors.Is(err, cnproc.ErrPermission):
		return problem(IDPermission, "This user may not listen: before Linux 6.6 that needs CAP_NET_ADMIN.",
			"Run it as root, or give the program the right: setcap cap_net_admin+ep and the path of telegraf-proc-connector.")
	case f.Kernel.Release == "":
		return problem(IDNoProc, "Whether the process connector works cannot be told, because /proc cannot be read.",
			"Mount proc on /proc, and run this again.")
	default:
		return problem(IDUnknown, "Whether the process connector works could not be found out: "+f.Connector.Error+".",
			"Run this again, as root. If it says the same, report it with the output of doctor --json.")
	}
}

func foreign(namespaces []namespace) Finding {
	names := make([]string, 0, len(namespaces))
	options := make([]string, 0, len(namespaces))
	fields := make([]string, 0, len(namespaces))
	for _, ns := range namespaces {
		names = append(names, ns.name)
		options = append(options, ns.option)
		fields = append(fields, ns.field)
	}
	which := enumerate(names) + " namespace"
	if len(names) > 1 {
		which += "s"
	}
	return Finding{
		ID:     IDNamespace,
		Level:  Problem,
		Text:   fmt.Sprintf("This process is not in the host's %s, and the kernel answers nowhere else.", which),
		Advice: fmt.Sprintf("Run it there (container: %s; Kubernetes: %s).", strings.Join(options, " "), strings.Join(fields, ", ")),
	}
}

// silenced says by how much, and who is deaf already.
func silenced(f *Facts) Finding {
	text := "The connector is silenced: the kernel's count of listeners is "
	switch n := f.Connector.Missing; {
	case n < 0:
		text += "further below zero than could be counted in two seconds"
	case n == 1:
		text += "1 below zero, the next program that listens will hear nothing"
	default:
		text += fmt.Sprintf("%d below zero, the next %d programs that listen will hear nothing", n, n)
	}
	if len(f.Members) > 0 {
		text += "; deaf now: " + listing(f.Members)
	}

	advice := "Run telegraf-proc-connector doctor --repair. "
	if f.Connector.Repair {
		advice += "The plugin does the same when it starts and at each gather. "
	} else {
		advice += "The plugin does not do it by itself, because its option repair is off. "
	}
	advice += "Then find the program that sent the kernel an unmatched IGNORE"
	if f.Kernel.Rules != EachRequest {
		advice += ": it may be any user's"
	}
	return Finding{ID: IDSilenced, Level: Problem, Text: text + ".", Advice: advice + "."}
}

func repaired(r *Repair) []Finding {
	var findings []Finding
	if r.Error != "" {
		findings = append(findings, Finding{
			ID: IDRepairFailed, Level: Problem, Text: "Repairing did not work: " + r.Error + ".",
			Advice: "See to that, and run telegraf-proc-connector doctor --repair again.",
		})
	}
	if r.Listens > 0 {
		findings = append(findings, Finding{
			ID: IDRepaired, Level: Note, Text: fmt.Sprintf("The connector was silenced, and was repaired with %s.", plural(r.Listens, "LISTEN")),
			Advice: "Find the program that sends the kernel unmatched IGNOREs, or it happens again.",
		})
	}
	if r.Released > 0 {
		findings = append(findings, Finding{
			ID: IDReleased, Level: OK, Text: fmt.Sprintf("Gave back what killed plugins had left in the kernel's count: %s.", plural(r.Released, "LISTEN")),
		})
	}
	if r.Mistaken > 0 {
		findings = append(findings, Finding{
			ID: IDMistaken, Level: Note,
			Text: fmt.Sprintf("Removed %s of killed plugins that claimed what the kernel's count does not hold.", plural(r.Mistaken, "lease")),
		})
	}
	if r.Kept > 0 {
		findings = append(findings, Finding{
			ID: IDKept, Level: Note,
			Text: fmt.Sprintf("Left %s of killed plugins alone: what they claim may as well be that of another member of the group.",
				plural(r.Kept, "lease")),
			Advice: "Nothing need be done. What is left costs a little time, and is given back when the others have gone.",
		})
	}
	return findings
}

// unheard says that the kernel reported nothing before this program had sent
// LISTEN, although the group has members. Why that is cannot be known.
func unheard(f *Facts) []Finding {
	if !f.Connector.Examined || f.Connector.Silenced || f.Connector.HeardBefore || len(f.Members) == 0 {
		return nil
	}
	return []Finding{{
		ID: IDUnheard, Level: Note,
		Text: fmt.Sprintf("The kernel reported nothing before this program had sent LISTEN. In the group are %s: they have sent no LISTEN, "+
			"or have taken it back, or have lost it to an unmatched IGNORE. That cannot be told apart.", listing(f.Members)),
		Advice: "Nothing need be done, unless one of them is meant to hear something: then stop it, run telegraf-proc-connector doctor --repair, " +
			"and start it again.",
	}}
}

// leftovers are LISTENs that nobody will take back.
func leftovers(f *Facts) []Finding {
	alone := f.Connector.Examined && len(f.Members) == 0
	n := len(f.Leases.Stale)
	switch {
	case n > 0 && alone && !f.Connector.HeardBefore:
		return []Finding{{
			ID: IDStaleLeases, Level: Note,
			Text: fmt.Sprintf("Killed plugins have left %s behind, but the kernel's count does not hold what they claim.",
				plural(n, "lease")),
			Advice: "Run telegraf-proc-connector reconcile, which removes what is left. So does the next start of the plugin.",
		}}
	case n > 0:
		return []Finding{{
			ID: IDStaleLeases, Level: Note,
			Text: fmt.Sprintf("Killed plugins have left %s behind: the kernel's count of listeners may hold what they claim, "+
				"which costs a little time and blinds nobody.", plural(n, "lease")),
			Advice: "Run telegraf-proc-connector reconcile, which gives back what is too much. So does the next start of the plugin.",
		}}
	case alone && f.Connector.HeardBefore:
		return []Finding{{
			ID: IDLeaked, Level: Note,
			Text: "The kernel counts a listener although none is there: some program ended without IGNORE. " +
				"That costs a little time and blinds nobody.",
			Advice: "Nothing need be done. No lease tells whose it was, so only a reboot takes it back safely.",
		}}
	}
	return nil
}

// shortcomings are what the plugin would do worse here than it could.
func shortcomings(f *Facts) []Finding {
	if f.Kernel.Release == "" {
		return nil // there is no /proc, which is said already
	}
	var findings []Finding
	note := func(id, text, advice string) {
		findings = append(findings, Finding{ID: id, Level: Note, Text: text, Advice: advice})
	}
	if b := f.Buffer; f.Connector.Examined && b.Granted < b.Wanted {
		note(IDReceiveBuffer,
			fmt.Sprintf("The receive buffer has %d KiB instead of %d KiB, so a burst of events may overrun it.", b.Granted>>10, b.Wanted>>10),
			fmt.Sprintf("Give the program CAP_NET_ADMIN, or raise net.core.rmem_max to %d.", b.Wanted))
	}
	switch r := f.Rights; {
	case !r.Known:
		note(IDRightsUnknown, "The rights of this process could not be found out: /proc/self/status makes no sense.",
			"Nothing need be done, unless the plugin complains.")
	case !r.SysPtrace:
		note(IDForeignProcesses, "Without CAP_SYS_PTRACE the fields exe and cwd of other users' processes are missing, and here the names of other listeners.",
			"Give the program CAP_SYS_PTRACE, if these fields are wanted.")
	}
	if r := f.Rights; r.Known && !r.SysNice {
		note(IDScheduling, "Without CAP_SYS_NICE some programs that end within a millisecond are reported without command line.",
			"Give the program CAP_SYS_NICE.")
	}
	if f.Isolated != "" {
		note(IDIsolated, "No catcher runs on isolated "+f.Isolated+": what is executed there is read from another CPU, "+
			"too late for some programs that end within a millisecond.",
			"Set scheduling = \"realtime\", if the plugin may interrupt what runs there at each exec.")
	}
	if f.Leases.Error != "" {
		note(IDStateDirectory, "No lease can be kept, so what a killed plugin leaves in the kernel's count stays there: "+f.Leases.Error+".", leaseAdvice)
	}
	return findings
}
