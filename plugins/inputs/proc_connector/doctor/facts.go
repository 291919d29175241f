package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// Facts are what was found, before it is judged. What could not be found out is empty.
type Facts struct {
	Kernel    Kernel    `json:"kernel"`
	Connector Connector `json:"connector"`
	Members   []Member  `json:"members"`
	Rights    Rights    `json:"rights"`
	Buffer    Buffer    `json:"receive_buffer"`
	Leases    Leases    `json:"leases"`
	Isolated  string    `json:"isolated_cpus,omitempty"` // that of Options
}

// A Connector is what listening to it for a moment has shown.
type Connector struct {
	// Examined says that it could be listened to. Otherwise Error says why not, and nothing
	// else here means anything.
	Examined    bool   `json:"examined"`
	Error       string `json:"error,omitempty"`
	HeardBefore bool   `json:"heard_before_listen"` // events, before this program had sent a LISTEN
	Heard       bool   `json:"heard"`               // and afterwards
	// Missing is how far the count was below zero, -1 if that is further than could be
	// counted in two seconds.
	Missing  int  `json:"missing_listens"`
	Silenced bool `json:"silenced"`       // no events in spite of LISTEN: the count is too low for anybody
	Crowd    bool `json:"crowd"`          // there are more sockets than can be listed
	Repair   bool `json:"plugin_repairs"` // the option

	err error
}

// A Buffer is the size of the queue of events, in bytes.
type Buffer struct {
	Wanted  int `json:"wanted_bytes"`
	Granted int `json:"granted_bytes"`
	Limit   int `json:"rmem_max_bytes"` // for those without CAP_NET_ADMIN
}

// gather changes nothing.
func gather(o Options) Facts {
	cfg, p := o.Connector, proc(o.Connector.Proc)
	e, err := cnproc.Examine(cfg)
	return Facts{
		Kernel: p.kernel(),
		Connector: Connector{
			Examined:    err == nil,
			Error:       oneLine(err),
			HeardBefore: e.HeardBefore,
			Heard:       e.Heard,
			Missing:     e.Missing,
			Silenced:    err == nil && !e.Heard,
			Crowd:       e.Crowd,
			Repair:      cfg.Repair,
			err:         err,
		},
		Members:  p.members(e.Others),
		Rights:   p.rights(),
		Buffer:   Buffer{Wanted: cfg.ReceiveBuffer, Granted: e.ReceiveBuffer, Limit: p.number("sys/net/core/rmem_max")},
		Leases:   p.leases(cfg.StateDirectory),
		Isolated: o.Isolated,
	}
}

// oneLine is the text of an error, which may be that of several, or none.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// A proc is where proc is mounted.
type proc string

// read returns the content of a file, and nothing if it cannot be read.
func (p proc) read(file string) string {
	text, err := os.ReadFile(filepath.Join(string(p), file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// number returns the number in a file, 0 if there is none.
func (p proc) number(file string) (n int) {
	_, _ = fmt.Sscan(p.read(file), &n) //nolint:errcheck // see above
	return n
}

// A Kernel is the running one, and how it counts listeners.
type Kernel struct {
	Release string `json:"release"` // empty: /proc cannot be read
	Rules   Rules  `json:"rules"`
}

// Rules are how a kernel counts LISTENs and IGNOREs.
type Rules string

// How kernels count.
const (
	// EachRequest is how it was before Linux 6.6: a LISTEN or IGNORE counts also when the same
	// socket repeats it. Requests need CAP_NET_ADMIN.
	EachRequest Rules = "each_request"
	// EachChange is how it is since: a request counts when it differs from the socket's
	// previous one. Any user may send them.
	EachChange   Rules = "each_change"
	RulesUnknown Rules = "unknown" // the release says nothing
)

func (p proc) kernel() Kernel {
	release := KernelRelease()
	if p.read("self/stat") == "" {
		release = ""
	}
	return Kernel{Release: release, Rules: rulesOf(release)}
}

// KernelRelease is that of uname(2), which is there also where proc shows only processes.
func KernelRelease() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

func rulesOf(release string) Rules {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return RulesUnknown
	}
	if major < 6 || major == 6 && minor < 6 {
		return EachRequest
	}
	return EachChange
}

// Rights are the capabilities of this process that the plugin makes use of.
type Rights struct {
	Known     bool `json:"known"`
	UserID    int  `json:"user_id"`
	NetAdmin  bool `json:"cap_net_admin"`
	SysPtrace bool `json:"cap_sys_ptrace"`
	SysNice   bool `json:"cap_sys_nice"`
}

func (p proc) rights() Rights {
	_, mask, _ := strings.Cut("\n"+p.read("self/status"), "\nCapEff:")
	mask, _, _ = strings.Cut(mask, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	has := func(capability int) bool { return err == nil && effective>>capability&1 != 0 }
	return Rights{
		Known:     err == nil,
		UserID:    os.Geteuid(),
		NetAdmin:  has(unix.CAP_NET_ADMIN),
		SysPtrace: has(unix.CAP_SYS_PTRACE),
		SysNice:   has(unix.CAP_SYS_NICE),
	}
}

// Capabilities names those of Rights that this process has, as the proc mount says.
func Capabilities(mountPoint string) []string {
	held, _ := proc(mountPoint).rights().names()
	return slices.Sorted(slices.Values(held))
}

func (r Rights) names() (held, lacking []string) {
	for _, c := range []struct {
		name string
		held bool
	}{{"CAP_NET_ADMIN", r.NetAdmin}, {"CAP_SYS_PTRACE", r.SysPtrace}, {"CAP_SYS_NICE", r.SysNice}} {
		if c.held {
			held = append(held, c.name)
		} else {
			lacking = append(lacking, c.name)
		}
	}
	return held, lacking
}
