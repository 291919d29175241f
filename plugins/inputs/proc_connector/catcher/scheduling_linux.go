package catcher

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
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
	// Isolated are the CPUs that have no catcher because they are isolated.
	Isolated []int
	// Scheduling is not Auto.
	Scheduling Scheduling
	// Refused is why it is not better, or not what was asked for; nil if
	// it is the best there is, or what was asked for. ErrNotPermitted (errors.Is).
	Refused error
}

// String is one line for an operator.
func (r Report) String() string {
	var b strings.Builder
	switch {
	case r.Threads == 1 && r.Pinned == 1:
		b.WriteString("1 thread on its own CPU")
	case r.Threads == 1:
		b.WriteString("1 thread without a CPU of its own")
	case r.Pinned == r.Threads:
		fmt.Fprintf(&b, "%d threads, each on its own CPU", r.Threads)
	case r.Pinned > 0:
		fmt.Fprintf(&b, "%d threads, %d of them on their own CPU", r.Threads, r.Pinned)
	default:
		fmt.Fprintf(&b, "%d threads without CPUs of their own", r.Threads)
	}
	if len(r.Isolated) > 0 {
		fmt.Fprintf(&b, " (none on isolated %s)", CPUList(r.Isolated))
	}
	b.WriteByte(',')
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

// enter makes the calling thread that of a catcher.
func enter(name string) {
	// The bare call, because unix.Prctl takes the address as a number. A thread
	// without a name of its own does its work all the same.
	var comm [cnproc.CommLen]byte
	copy(comm[:len(comm)-1], name)
	//nolint:gosec,errcheck,dogsled // G103: it is a pointer of prctl(2), which cannot fail
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&comm)), 0)

	// A signal to the process must not wait on a thread that cannot run.
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil) //nolint:errcheck // it cannot fail
}

// place gives a thread its priority and CPUs. Another thread calls it, which goes
// on whether that one can run there or not.
func (c *Catchers) place(w *worker, asked Scheduling) {
	r := &c.report
	r.Threads++
	// All of them get the same, unless capabilities are taken away meanwhile.
	r.Refused = nil
	for _, s := range []Scheduling{Realtime, Nice, Normal} {
		if asked != Auto && asked != s {
			continue
		}
		r.Scheduling = s
		err := schedule(w.tid, s)
		if err == nil {
			break
		}
		if r.Refused == nil { // what would be best is what is missing
			r.Refused = err
		}
	}
	if len(w.group.pin) > 0 {
		set := setOf(w.group.pin)
		w.pinned = unix.SchedSetaffinity(w.tid, &set) == nil
	}
	if w.pinned {
		r.Pinned++
	}
}

// schedule gives a thread a priority that its children do not inherit.
func schedule(tid int, s Scheduling) error {
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
	if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%s: %w", needs, ErrNotPermitted)
		}
		return fmt.Errorf("%s: %w", s, os.NewSyscallError("sched_setattr", err))
	}
	return nil
}
