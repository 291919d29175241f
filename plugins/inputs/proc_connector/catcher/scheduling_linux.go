package catcher

import (
	"cmp"
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

// ErrNotPermitted means that catchers may not have the priority that was asked for.
var ErrNotPermitted = errors.New("not permitted")

// A priority is a Scheduling other than Auto.
type priority struct {
	name  Scheduling
	attr  unix.SchedAttr
	needs string // what permits it
}

// priorities begin with the best.
var priorities = []priority{
	{
		Realtime, unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 1},
		"real time needs CAP_SYS_NICE or a limit of real-time priority (RLIMIT_RTPRIO), and where control groups share out " +
			"real time (CONFIG_RT_GROUP_SCHED) a share of it",
	},
	{Nice, unix.SchedAttr{Nice: -20}, "nice -20 needs CAP_SYS_NICE or a limit of niceness (RLIMIT_NICE)"},
	{name: Normal},
}

// A Report says what catchers have got.
type Report struct {
	Threads int
	Pinned  int // how many of them run on their own CPUs only
	// Isolated are the CPUs that have no catcher because they are isolated.
	Isolated []int
	// Scheduling is not Auto. All get the same, unless capabilities are taken away meanwhile.
	Scheduling Scheduling
	// Refused is why it is not the best there is, or not what was asked for: ErrNotPermitted
	// (errors.Is). Otherwise it is nil.
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
	words := map[Scheduling]string{Realtime: "real-time priority 1", Nice: "nice -20"}
	b.WriteString(", with " + cmp.Or(words[r.Scheduling], "no priority"))
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

	// A signal to the process must not wait on a thread that cannot run. The one that is
	// left has the loop look up (detached.Loop.Answered).
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	all.Val[0] &^= 1 << (unix.SIGURG - 1)
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil) //nolint:errcheck // it cannot fail
}

// place gives a worker its priority and CPUs. Another thread calls it, which goes on
// whether that one can run there or not.
func (c *Catchers) place(w *worker, asked Scheduling) {
	c.report.Refused = nil
	for _, p := range priorities {
		if asked != Auto && asked != p.name {
			continue
		}
		c.report.Scheduling = p.name
		err := p.give(w.tid)
		if err == nil {
			break
		}
		c.report.Refused = cmp.Or(c.report.Refused, err) // what would be best is what is missing
	}
	if w.pinned = w.pin(); w.pinned {
		c.report.Pinned++
	}
}

// give has a thread have the priority. Its children do not inherit it.
func (p priority) give(tid int) error {
	if p.name == Normal {
		return nil
	}
	p.attr.Size, p.attr.Flags = unix.SizeofSchedAttr, unix.SCHED_FLAG_RESET_ON_FORK
	err := unix.SchedSetAttr(tid, &p.attr, 0)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: %w", p.needs, ErrNotPermitted)
	}
	return fmt.Errorf("%s: %w", p.name, os.NewSyscallError("sched_setattr", err))
}
