package catcher

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Scheduling is the priority of catchers.
type Scheduling string

// The priorities that there are.
const (
	Auto     Scheduling = "auto"     // the best of the others that is permitted
	Realtime Scheduling = "realtime" // SCHED_FIFO with priority 1, the lowest
	Nice     Scheduling = "nice"     // nice -20
	Normal   Scheduling = "normal"   // none
)

// ErrNotPermitted means that catchers may not have the priority that was asked
// for.
var ErrNotPermitted = errors.New("not permitted")

// A Report says what catchers have got.
type Report struct {
	Threads int
	Pinned  int // how many of them run on their own CPUs only
	// Scheduling is not Auto.
	Scheduling Scheduling
	// Refused is why it is not better, or not what was asked for; nil if
	// it is the best there is, or what was asked for. ErrNotPermitted (errors.Is).
	Refused error
}

// A placed is what one catcher has got.
type placed struct {
	pinned     bool
	scheduling Scheduling
	refused    error
}

func (p placed) permitted(asked Scheduling) bool { return asked == Auto || p.refused == nil }

func (r *Report) add(p placed) {
	r.Threads++
	if p.pinned {
		r.Pinned++
	}
	// All of them get the same, unless rights are taken away meanwhile.
	r.Scheduling, r.Refused = p.scheduling, p.refused
}

// String is one line for an operator.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d thread", r.Threads)
	if r.Threads != 1 {
		b.WriteByte('s')
	}
	switch {
	case r.Pinned == r.Threads:
		b.WriteString(", each on its own CPUs,")
	case r.Pinned > 0:
		fmt.Fprintf(&b, ", %d of them on their own CPUs,", r.Pinned)
	default:
		b.WriteString(", on no CPUs of their own,")
	}
	switch r.Scheduling {
	case Realtime:
		b.WriteString(" with real-time priority 1")
	case Nice:
		b.WriteString(" with nice -20")
	default:
		b.WriteString(" with no priority")
	}
	if r.Refused != nil {
		fmt.Fprintf(&b, " (%v)", r.Refused)
	}
	return b.String()
}

// place gives the calling thread its name, CPUs and priority.
func place(name string, g group, asked Scheduling) placed {
	var p placed
	// The bare call, because unix.Prctl takes the address as a number. A thread
	// without a name of its own does its work all the same.
	var comm [cutComm + 1]byte
	copy(comm[:cutComm], name)
	//nolint:gosec,errcheck,dogsled // G103: it is a pointer of prctl(2), which cannot fail
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&comm)), 0)

	if len(g.pin) > 0 {
		var set unix.CPUSet
		for _, cpu := range g.pin {
			set.Set(cpu)
		}
		p.pinned = unix.SchedSetaffinity(0, &set) == nil
	}
	for _, s := range []Scheduling{Realtime, Nice, Normal} {
		if asked != Auto && asked != s {
			continue
		}
		p.scheduling = s
		err := schedule(s)
		if err == nil {
			break
		}
		if p.refused == nil { // what would be best is what is missing
			p.refused = err
		}
	}
	return p
}

// schedule gives the calling thread a priority that its children do not inherit.
func schedule(s Scheduling) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	needs := ""
	switch s {
	case Realtime:
		attr.Policy, attr.Priority = unix.SCHED_FIFO, 1
		needs = "real time needs CAP_SYS_NICE or a limit of real-time priority (RLIMIT_RTPRIO), and where control groups share out " +
			"real time (CONFIG_RT_GROUP_SCHED) a share of it"
	case Nice:
		attr.Nice = -20
		needs = "nice -20 needs CAP_SYS_NICE or a limit of niceness (RLIMIT_NICE)"
	default:
		return nil
	}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%s: %w", needs, ErrNotPermitted)
		}
		return fmt.Errorf("%s: %w", s, os.NewSyscallError("sched_setattr", err))
	}
	return nil
}
