package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// healthy are the facts of a machine on which nothing is wrong.
func healthy() *Facts {
	return &Facts{
		Kernel:    Kernel{Release: "6.12.117+deb12-amd64", Rules: EachChange},
		Connector: Connector{Examined: true, Heard: true, Repair: true},
		Members:   make([]Member, 0),
		Rights:    Rights{Known: true, NetAdmin: true, SysPtrace: true, SysNice: true},
		Buffer:    Buffer{Wanted: 32 << 20, Granted: 32 << 20, Limit: 208 << 10},
		Leases:    Leases{Directory: "/run/telegraf-proc-connector", Held: make([]Lease, 0), Stale: make([]Lease, 0)},
	}
}

// failing are those of one that cannot be listened to.
func failing(err error) func(*Facts) {
	return func(f *Facts) {
		err := &cnproc.OpError{Op: "listen", Err: err}
		f.Connector = Connector{Repair: true, Error: oneLine(err), err: err}
	}
}

func forkstat(inode uint64) Member {
	return Member{Port: 4000 + uint32(inode), Inode: inode, Processes: []Process{{PID: 412, Name: "forkstat"}}}
}

func crashed(n int) []Lease {
	leases := make([]Lease, 0, n)
	for i := range n {
		leases = append(leases, Lease{File: fmt.Sprintf("lease-%016x", i), Process: Process{PID: 77 + i}})
	}
	return leases
}

// Every situation of the kernel, its cause by id, and what else is said.
func TestJudge(t *testing.T) {
	tests := map[string]struct {
		change func(*Facts)
		repair *Repair
		ids    []string
		words  []string
	}{
		"healthy": {change: func(*Facts) {}, ids: []string{"works"}},
		"no connector": {
			change: failing(fmt.Errorf("%w: %w", cnproc.ErrNoConnector, syscall.EPROTONOSUPPORT)),
			ids:    []string{"no_connector"},
			words:  []string{"CONFIG_CONNECTOR=y"},
		},
		"no process events": {
			change: failing(cnproc.ErrNoProcEvents), ids: []string{"no_proc_events"},
			words: []string{"no cn_proc in /proc/net/connector", "CONFIG_PROC_EVENTS=y"},
		},
		"network namespace": {
			change: failing(cnproc.ErrNetworkNamespace), ids: []string{"namespace"},
			words: []string{"not in the host's network namespace, and", "(container: --network=host; Kubernetes: hostNetwork: true)"},
		},
		"pid namespace": {
			change: failing(cnproc.ErrPIDNamespace), ids: []string{"namespace"},
			words: []string{"not in the host's pid namespace, and", "(container: --pid=host; Kubernetes: hostPID: true)"},
		},
		"all namespaces": {
			change: failing(errors.Join(cnproc.ErrNetworkNamespace, cnproc.ErrPIDNamespace, cnproc.ErrUserNamespace)), ids: []string{"namespace"},
			words: []string{
				"network, pid and user namespaces, and", "--network=host --pid=host --userns=host", "hostNetwork: true, hostPID: true, hostUsers: true",
			},
		},
		"netlink forbidden": {
			change: failing(cnproc.ErrNetlinkDenied), ids: []string{"netlink_denied"},
			words: []string{"RestrictAddressFamilies= of its systemd unit name AF_NETLINK"},
		},
		"old kernel": {
			change: failing(cnproc.ErrOldKernel), ids: []string{"old_kernel"}, words: []string{"Linux 4.12 or later"},
		},
		"time namespace": {
			change: failing(cnproc.ErrTimeNamespace), ids: []string{"time_namespace"}, words: []string{"the host's time namespace"},
		},
		"no permission": {
			change: func(f *Facts) {
				failing(cnproc.ErrPermission)(f)
				f.Kernel = Kernel{Release: "6.1.0", Rules: EachRequest}
				f.Rights = Rights{Known: true, UserID: 65534}
			},
			ids: []string{"permission", "foreign_processes", "scheduling"}, words: []string{"before Linux 6.6", "setcap cap_net_admin+ep", "counts again"},
		},
		"no proc": {
			change: func(f *Facts) {
				failing(errors.Join(cnproc.ErrUnanswered, syscall.ENOENT))(f)
				f.Kernel, f.Rights = Kernel{Rules: RulesUnknown}, Rights{}
			},
			ids: []string{"no_proc"}, words: []string{"Mount proc", "Linux of an unknown release", "unknown, of user id 0"},
		},
		"something else": {
			change: failing(syscall.ENOMEM),
			ids:    []string{"unknown"},
			words:  []string{"could not be found out: process connector: listen: cannot allocate memory."},
		},

		"one below zero": {
			change: func(f *Facts) { f.Connector = Connector{Examined: true, Missing: 1, Silenced: true, Repair: true} },
			ids:    []string{"silenced"},
			words: []string{
				"1 below zero, the next program that listens will hear nothing.", "doctor --repair.", "The plugin does the same", "it may be any user's",
			},
		},
		"three below zero, before 6.6": {
			change: func(f *Facts) {
				f.Kernel = Kernel{Release: "6.1.176", Rules: EachRequest}
				f.Connector = Connector{Examined: true, Missing: 3, Silenced: true}
			},
			ids:   []string{"silenced"},
			words: []string{"3 below zero, the next 3 programs that listen will hear nothing.", "its option repair is off", "an unmatched IGNORE."},
		},
		"below zero, and somebody is deaf": {
			change: func(f *Facts) {
				f.Connector = Connector{Examined: true, Missing: 2, Silenced: true, Repair: true}
				f.Members = []Member{forkstat(1), forkstat(2), {Inode: 3, Processes: make([]Process, 0)}}
			},
			ids:   []string{"silenced"},
			words: []string{"2 below zero", "; deaf now: forkstat (pid 412) with 2 sockets and an unknown process."},
		},
		"zero, and why cannot be told": {
			change: func(f *Facts) { f.Members = []Member{forkstat(1)} },
			ids:    []string{"works", "unheard_members"},
			words:  []string{"In the group are forkstat (pid 412):", "cannot be told apart."},
		},
		"far below zero": {
			change: func(f *Facts) { f.Connector = Connector{Examined: true, Missing: -1, Silenced: true, Repair: true} },
			ids:    []string{"silenced"},
			words:  []string{"further below zero than could be counted"},
		},
		"repaired": {
			change: func(*Facts) {}, repair: &Repair{Listens: 2}, ids: []string{"works", "repaired"}, words: []string{"repaired with 2 LISTENs"},
		},
		"not repaired": {
			change: func(f *Facts) { f.Connector = Connector{Examined: true, Missing: 1, Silenced: true, Repair: true} },
			repair: &Repair{Error: "no buffer space"}, ids: []string{"silenced", "repair_failed"}, words: []string{"Repairing did not work: no buffer space."},
		},
		"given back": {
			change: func(*Facts) {}, repair: &Repair{Released: 1}, ids: []string{"works", "released"}, words: []string{"in the kernel's count: 1 LISTEN."},
		},
		"left alone": {
			change: func(f *Facts) { f.Members, f.Connector.HeardBefore = []Member{forkstat(1)}, true }, repair: &Repair{Kept: 1},
			ids:   []string{"works", "kept_leases"},
			words: []string{"Left 1 lease of killed plugins alone"},
		},
		"given back in part": {
			change: func(*Facts) {}, repair: &Repair{Released: 1, Mistaken: 2}, ids: []string{"works", "released", "mistaken_leases"},
			words: []string{"count: 1 LISTEN.", "Removed 2 leases of"},
		},

		"somebody listens": {
			change: func(f *Facts) { f.Connector.HeardBefore, f.Members = true, []Member{forkstat(1)} },
			ids:    []string{"works"}, words: []string{"members  forkstat (pid 412)\n"},
		},
		"leaked": {
			change: func(f *Facts) { f.Connector.HeardBefore = true }, ids: []string{"works", "leaked_listen"}, words: []string{"blinds nobody"},
		},
		"leaked, with leases": {
			change: func(f *Facts) { f.Connector.HeardBefore, f.Leases.Stale = true, crashed(2) },
			ids:    []string{"works", "stale_leases"},
			words:  []string{"have left 2 leases", "telegraf-proc-connector reconcile", "2 of killed plugins, in /run"},
		},
		"leases of what is gone": {
			change: func(f *Facts) { f.Leases.Stale = crashed(1) },
			ids:    []string{"works", "stale_leases"}, words: []string{"left 1 lease behind, but the kernel's count does not hold"},
		},
		"leases, and somebody listens": {
			change: func(f *Facts) {
				f.Connector.HeardBefore, f.Members = true, []Member{forkstat(1)}
				f.Leases.Held, f.Leases.Stale, f.Leases.Void = []Lease{{Process: Process{PID: 5, Name: "telegraf-proc-connector"}}}, crashed(1), 3
			},
			ids:   []string{"works", "stale_leases"},
			words: []string{"held by telegraf-proc-connector (pid 5); 1 of killed plugins; 3 that claim nothing, in /run/telegraf-proc-connector"},
		},
		"no rights": {
			change: func(f *Facts) {
				f.Rights = Rights{Known: true, UserID: 65534}
				f.Buffer.Granted = f.Buffer.Limit
				f.Leases.Error = "/run/telegraf-proc-connector is not there and cannot be made: /run: permission denied"
			},
			ids: []string{"works", "receive_buffer", "foreign_processes", "scheduling", "state_directory"},
			words: []string{
				"208 KiB instead of 32768 KiB", "net.core.rmem_max to 33554432", "without CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_NICE",
				"/run: permission denied.", "leases   /run/telegraf-proc-connector cannot be used",
			},
		},
		"isolated CPUs": {
			change: func(f *Facts) { f.Isolated = "CPUs 2-3" },
			ids:    []string{"works", "isolated_cpus"},
			words:  []string{"on isolated CPUs 2-3:", `scheduling = "realtime"`},
		},
		"no word on rights": {change: func(f *Facts) { f.Rights = Rights{} }, ids: []string{"works", "rights_unknown"}},
		"no leases":         {change: func(f *Facts) { f.Leases.Directory = "" }, ids: []string{"works"}, words: []string{"leases   none are kept"}},
	}
	shown := make(map[string]bool)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			tt.change(f)
			r := Report{Facts: *f, Repair: tt.repair}
			r.judge()

			ids := make([]string, 0, len(r.Findings))
			for _, finding := range r.Findings {
				ids = append(ids, finding.ID)
				shown[finding.ID] = true
				require.NotContains(t, finding.Text+finding.Advice, "..")
				require.NotContains(t, finding.Text+finding.Advice, "template")
			}
			require.Equal(t, tt.ids, ids)
			require.Equal(t, tt.ids[0] == "works", r.Healthy)

			var text bytes.Buffer
			require.NoError(t, r.WriteText(&text))
			requireOneScreen(t, text.String())
			require.Equal(t, r.Healthy, !strings.Contains(text.String(), "PROBLEM"))
			flat := strings.Join(strings.Fields(text.String()), " ")
			for _, words := range tt.words {
				require.Contains(t, flat, strings.Join(strings.Fields(words), " "))
			}

			var doc bytes.Buffer
			require.NoError(t, r.WriteJSON(&doc))
			var parsed map[string]any
			require.NoError(t, json.Unmarshal(doc.Bytes(), &parsed))
			require.Equal(t, r.Healthy, parsed["healthy"])
			require.NotContains(t, doc.String(), "null", "lists are there, and empty")
		})
	}
	require.Len(t, shown, len(findings())-1, "all of findings.txt, of which two share an id")
}

// What is to be filled in has a value.
func TestFindingsFile(t *testing.T) {
	f := healthy()
	f.Members = []Member{forkstat(1)}
	r := Report{Facts: *f}
	values := r.values()
	for _, f := range findings() {
		require.Contains(t, labels, f.Level)
		os.Expand(f.Text+f.Advice, func(name string) string {
			require.Contains(t, values, name)
			return ""
		})
	}
}

func requireOneScreen(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.LessOrEqual(t, len(lines), 24)
	for _, line := range lines {
		require.LessOrEqual(t, len(line), textWidth, line)
		require.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func TestManyMembers(t *testing.T) {
	members := make([]Member, 0, 20)
	for pid := range 20 {
		members = append(members, Member{Processes: []Process{{PID: pid + 1, Name: "watcher"}}})
	}
	require.Equal(t, "watcher (pid 1), watcher (pid 2), watcher (pid 3), watcher (pid 4), watcher (pid 5), watcher (pid 6) and 14 more", listing(members))
}

func TestRules(t *testing.T) {
	for release, want := range map[string]Rules{
		"6.18.44": EachChange, "6.6.0-rc1": EachChange, "7.0": EachChange,
		"6.5.13": EachRequest, "5.10.0-30-amd64": EachRequest, "": RulesUnknown, "next": RulesUnknown,
	} {
		require.Equal(t, want, rulesOf(release), release)
	}
}
