//go:build linux

package proc_connector

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/doctor"
)

// report says at start what was got. Without catchers it is told why.
func (s *service) report(asked config.Size, catchErr error) {
	got := s.session.ReceiveBuffer()
	if got < int(asked) {
		s.log.Warnf("The receive buffer has %d KiB instead of %d KiB, so bursts of events may overrun it: "+
			"give the program CAP_NET_ADMIN, or raise net.core.rmem_max to %d", got>>10, int(asked)>>10, int(asked))
	}
	reads := "the thread that receives events"
	if catchErr != nil {
		s.log.Warnf("Catcher threads are unavailable, so command lines of short-lived programs may be missing: %v", catchErr)
	} else {
		r := s.catchers.Report()
		if r.Refused != nil {
			s.log.Warnf("Execs are read by %v: some short-lived programs may end before", r)
		}
		r.Refused = nil // it has been said
		reads = r.String()
	}
	s.log.Info(startupLine(cmp.Or(doctor.KernelRelease(), "of an unknown release"), doctor.Capabilities(s.host.proc), reads, got, s.threads))
}

// startupLine is what an operator wants to know first when something looks wrong later:
// what the plugin runs on, and what it has got. Its beginning says that the kernel counts
// it as a listener.
func startupLine(kernel string, rights []string, reads string, buffer int, threads bool) string {
	with := cmp.Or(strings.Join(rights, ", "), "no rights")
	events := "all but those of threads"
	if threads {
		events = "all"
	}
	return fmt.Sprintf("Listening to the process connector of Linux %s; with %s; execs are read by %s; receive buffer: %d KiB; events: %s",
		kernel, with, reads, buffer>>10, events)
}

// checkCatchers looks whether catchers can run.
func (s *service) checkCatchers() {
	occupied, free := s.catchers.Check()
	if len(occupied) > 0 {
		s.reportOccupied(occupied, catcher.RealtimeProgram(s.host.proc, occupied))
	}
	if len(free) > 0 {
		s.log.Infof("A catcher runs on %s again", catcher.CPUList(free))
	}
}

// reportOccupied says on which CPUs no catcher can run, and because of which program if
// that is known.
func (s *service) reportOccupied(cpus []int, program string) {
	reason := "a program of higher real-time priority does not seem to give way"
	if program != "" {
		reason = program + ", which has a higher real-time priority, does not give way"
	}
	s.log.Warnf("No catcher can run on %s: %s. What is executed there is read from another CPU, too late for some short-lived programs",
		catcher.CPUList(cpus), reason)
}

// A watch tells the operator what became of the kernel's count of listeners:
// once for each thing that happened, and not at each gather.
type watch struct {
	log     telegraf.Logger
	repair  bool
	session session
	guard   func(f func()) // see service.guard

	mu          sync.Mutex // guards lastWarning
	lastWarning string     // what could not be done, as last logged

	repairing atomic.Bool
	goingOn   sync.WaitGroup
}

// opening reports what was found when listening began.
func (w *watch) opening(f cnproc.CheckResult) {
	LogLeases(w.log, f)
	w.found(f)
}

// LogLeases reports what became of the leases of killed plugins.
func LogLeases(log telegraf.Logger, f cnproc.CheckResult) {
	if f.Released > 0 {
		log.Infof("Released %d listener(s) that killed plugins had left in the kernel's count", f.Released)
	}
	if f.Mistaken > 0 {
		log.Infof("Removed %d lease(s) of killed plugins whose listeners the kernel's count does not hold", f.Mistaken)
	}
	if f.Kept > 0 {
		log.Infof("Left %d lease(s) of killed plugins for later: what they claim may as well be another listener's", f.Kept)
	}
}

// check looks whether the kernel still reports events. The error is
// cnproc.ErrSilenced (errors.Is) if it does not, or why that could not be found out.
func (w *watch) check() error {
	f, err := w.session.Check()
	if errors.Is(err, cnproc.ErrClosed) {
		return nil // the plugin is being stopped, or has said already why it does not listen
	}
	if err != nil {
		return err
	}
	w.found(f)
	if !f.Listening {
		w.goOn()
		return fmt.Errorf("%w: %s, and no program on this machine hears anything", cnproc.ErrSilenced, Unmatched)
	}
	return nil
}

// A count that one repair has not brought up is repaired again after a pause: a short
// one at first, and then one that lets nobody who goes on lowering it keep a CPU busy
// here.
const (
	shortPause, longPause = 20 * time.Millisecond, time.Second
	shortPauses           = 100
)

// goOn repairs in the background what could not be repaired in the time that a
// gather or a start may take. It ends when the kernel reports events again, or the
// session is closed.
func (w *watch) goOn() {
	if !w.repair || !w.repairing.CompareAndSwap(false, true) {
		return
	}
	w.goingOn.Go(func() { w.guard(w.repairUntilHeard) })
}

func (w *watch) repairUntilHeard() {
	defer w.repairing.Store(false)
	for n := 0; ; n++ {
		pause := shortPause
		if n >= shortPauses {
			pause = longPause
		}
		time.Sleep(pause)
		f, err := w.session.Check()
		if err != nil {
			return // the next gather says so
		}
		w.found(f)
		if f.Listening {
			return
		}
	}
}

// closing reports what was found when listening ended.
func (w *watch) closing(f cnproc.CheckResult) {
	w.goingOn.Wait()
	if !f.Listening && (f.Silenced || f.Listens > 0) {
		w.log.Warnf("The process connector is silenced, and %d LISTENs did not repair it before the plugin stopped: %s "+
			"(telegraf-proc-connector doctor shows more)", f.Listens, Unmatched)
	} else {
		w.repaired(f)
	}
	w.warnOnce(f.Err)
}

// Unmatched is why a session that the kernel counts hears nothing.
const Unmatched = "another program, or from Linux 6.6 on any user, has sent the kernel unmatched IGNOREs"

func (w *watch) found(f cnproc.CheckResult) {
	switch {
	case f.Listening:
		w.repaired(f)
	case f.Silenced && w.repair:
		w.log.Warnf("The process connector is silenced, and %d LISTENs have not repaired it yet: %s; trying on", f.Listens, Unmatched)
	case f.Silenced:
		w.log.Warnf("The process connector is silenced: %s, and no program on this machine hears anything. Not repaired, because repair = false", Unmatched)
	}
	w.warnOnce(f.Err)
}

func (w *watch) repaired(f cnproc.CheckResult) {
	switch {
	case f.Listens > 0:
		others := ""
		if f.Others > 0 {
			others = fmt.Sprintf(", %d of them for other members of the group, one for each", f.Others)
		}
		if f.Crowd {
			others = ", none of them for the other members of the group, which are suspiciously many"
		}
		w.log.Warnf("The process connector was silenced, its listener count %d too low: %s. It was repaired with %d LISTENs%s; "+
			"what happened meanwhile is not counted", f.Listens, Unmatched, f.Listens, others)
	case f.Silenced:
		w.log.Warn("The process connector was silenced, and another program has repaired it; what happened meanwhile is not counted")
	}
}

// warnOnce logs an error unless it is the one that was logged last.
func (w *watch) warnOnce(err error) {
	text := ""
	if err = advised(err); err != nil {
		text = err.Error()
	}
	w.mu.Lock()
	news := text != w.lastWarning
	w.lastWarning = text
	w.mu.Unlock()
	if news && err != nil {
		w.log.Warn(text)
	}
}
