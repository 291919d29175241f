package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A proc is where proc is mounted.
type proc string

// read returns the content of a file, and nothing if it cannot be read.
func (p proc) read(file string) string {
	text, err := os.ReadFile(filepath.Join(string(p), filepath.FromSlash(file)))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// number returns the number in a file, 0 if there is none.
func (p proc) number(file string) int {
	n, err := strconv.Atoi(p.read(file))
	if err != nil {
		return 0
	}
	return n
}

// A Kernel is the running one, and how it counts listeners.
type Kernel struct {
	Release string `json:"release"`
	Rules   Rules  `json:"rules"`
}

// Rules are how a kernel counts LISTENs and IGNOREs.
type Rules string

const (
	// EachRequest is how it was before Linux 6.6: each LISTEN adds one and each
	// IGNORE takes one away, also when the same socket repeats it. Requests need
	// CAP_NET_ADMIN.
	EachRequest Rules = "each_request"
	// EachChange is how it is since: a request counts when it differs from the
	// socket's previous one. Any user may send them.
	EachChange Rules = "each_change"
	// RulesUnknown means that the release says nothing.
	RulesUnknown Rules = "unknown"
)

func (p proc) kernel() Kernel {
	release := p.read("sys/kernel/osrelease")
	if release == "" && p.read("self/stat") != "" { // with ProcSubset=pid
		release = kernelRelease()
	}
	return Kernel{Release: release, Rules: rulesOf(release)}
}

func rulesOf(release string) Rules {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return RulesUnknown
	}
	if major > 6 || major == 6 && minor >= 6 {
		return EachChange
	}
	return EachRequest
}

// Rights are the capabilities of this process that the plugin makes use of.
type Rights struct {
	Known     bool `json:"known"`
	UserID    int  `json:"user_id"`
	NetAdmin  bool `json:"cap_net_admin"`
	SysPtrace bool `json:"cap_sys_ptrace"`
	SysNice   bool `json:"cap_sys_nice"`
}

// include/uapi/linux/capability.h
const (
	capNetAdmin  = 12 // #define CAP_NET_ADMIN 12
	capSysPtrace = 19 // #define CAP_SYS_PTRACE 19
	capSysNice   = 23 // #define CAP_SYS_NICE 23
)

func (p proc) rights() Rights {
	r := Rights{UserID: os.Geteuid()}
	for line := range strings.Lines(p.read("self/status")) {
		mask, found := strings.CutPrefix(line, "CapEff:")
		if !found {
			continue
		}
		effective, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err != nil {
			return r
		}
		r.Known = true
		r.NetAdmin = effective>>capNetAdmin&1 != 0
		r.SysPtrace = effective>>capSysPtrace&1 != 0
		r.SysNice = effective>>capSysNice&1 != 0
	}
	return r
}
