//go:build linux

package proc_connector

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A watch tells the operator what became of the kernel's count of listeners:
// once for each thing that happened, and not at each gather.
type watch struct {
	log     telegraf.Logger
	repair  bool
	session *cnproc.Session
	guard   func(f func()) // see service.guard

	mu          sync.Mutex // guards lastWarning
	lastWarning string     // what could not be done, as last logged

	repairing atomic.Bool
	goingOn   sync.WaitGroup
}

// opening reports what was found when listening began.
func (w *watch) opening(f cnproc.Finding) {
	if f.Released > 0 {
		w.log.Infof("Gave back %d listener(s) that killed plugins had left in the kernel's count", f.Released)
	}
	if f.Mistaken > 0 {
		w.log.Infof("Removed %d lease(s) of killed plugins whose listeners the kernel's count does not hold", f.Mistaken)
	}
	if f.Kept > 0 {
		w.log.Infof("Left %d lease(s) of killed plugins for later: what they claim may as well be another listener's", f.Kept)
	}
	w.found(f)
}

// check looks whether the kernel still reports events. The error, which errors.Is
// holds for cnproc.ErrSilenced, says that it does not.
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
		return cnproc.ErrSilenced
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
func (w *watch) closing(f cnproc.Finding) {
	w.goingOn.Wait()
	if !f.Listening && (f.Deaf || f.Raised > 0) {
		w.log.Warnf("The process connector is silenced, and %d LISTENs did not repair it before the plugin stopped: %s "+
			"(telegraf-proc-connector doctor shows more)", f.Raised, unmatched)
	} else {
		w.repaired(f)
	}
	w.warnOnce(f.Err)
}

// unmatched is why a session that the kernel counts hears nothing.
const unmatched = "another program, or from Linux 6.6 on any user, has sent the kernel unmatched IGNOREs"

func (w *watch) found(f cnproc.Finding) {
	switch {
	case f.Listening:
		w.repaired(f)
	case f.Deaf && w.repair:
		w.log.Warnf("The process connector is silenced, and %d LISTENs have not repaired it yet: %s; trying on", f.Raised, unmatched)
	case f.Deaf:
		w.log.Warnf("The process connector is silenced: %s, and no program on this machine hears anything. Not repaired, because repair = false", unmatched)
	}
	w.warnOnce(f.Err)
}

func (w *watch) repaired(f cnproc.Finding) {
	switch {
	case f.Raised > 0:
		others := ""
		if f.Others > 0 {
			others = fmt.Sprintf(", %d of them for other members of the group, one for each", f.Others)
		}
		if f.Crowd {
			others = ", none of them for the other members of the group, which are suspiciously many"
		}
		w.log.Warnf("The process connector was silenced, its listener count %d too low: %s. It was repaired with %d LISTENs%s; "+
			"what happened meanwhile is not counted", f.Raised, unmatched, f.Raised, others)
	case f.Deaf:
		w.log.Warn("The process connector was silenced, and another program has repaired it; what happened meanwhile is not counted")
	}
}

// warnOnce logs an error unless it is the one that was logged last.
func (w *watch) warnOnce(err error) {
	text := ""
	if err != nil {
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
