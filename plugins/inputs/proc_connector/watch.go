//go:build linux

package proc_connector

import (
	"errors"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A watch tells the operator what became of the kernel's count of listeners:
// once for each thing that happened, and not at each gather.
type watch struct {
	log     telegraf.Logger
	repair  bool
	session *cnproc.Session
	trouble string // what could not be done, as last logged
}

// opening reports what was found when listening began.
func (w *watch) opening(f cnproc.Finding) {
	if f.Released > 0 {
		w.log.Infof("Gave back %d listener(s) that killed plugins had left in the kernel's count", f.Released)
	}
	if f.Mistaken > 0 {
		w.log.Warnf("Gave back %d listener(s) that killed plugins had left in the kernel's count, and took them again because that silenced the process "+
			"connector: another program has sent the kernel an IGNORE too many", f.Mistaken)
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
		return cnproc.ErrSilenced
	}
	return nil
}

// closing reports what was found when listening ended.
func (w *watch) closing(f cnproc.Finding) {
	switch {
	case f.Listening:
		w.mended(f)
	case f.Deaf || f.Raised > 0:
		w.log.Warnf("The process connector is silenced, and %d LISTENs have not mended it before the plugin stopped: another program, or from Linux 6.6 on "+
			"any user, has sent the kernel an IGNORE too many (telegraf-proc-connector doctor shows more)", f.Raised)
	}
	w.troubled(f.Err)
}

func (w *watch) found(f cnproc.Finding) {
	switch {
	case f.Listening:
		w.mended(f)
	case f.Deaf && w.repair:
		w.log.Warnf("The process connector is silenced and %d LISTENs have not mended it: another program, or from Linux 6.6 on any user, has sent the "+
			"kernel more IGNOREs than that too many; trying again at each gather", f.Raised)
	case f.Deaf:
		w.log.Warn("The process connector is silenced: another program, or from Linux 6.6 on any user, has sent the kernel an IGNORE too many, " +
			"and no program on this machine hears anything. It is not mended because of the option repair")
	}
	w.troubled(f.Err)
}

func (w *watch) mended(f cnproc.Finding) {
	switch {
	case f.Raised > 0:
		w.log.Warnf("The process connector was silenced, its listener count %d too low: another program, or from Linux 6.6 on any user, has sent "+
			"the kernel so many IGNOREs too many. It was mended with %d LISTENs; what happened meanwhile is not counted", f.Raised, f.Raised)
	case f.Deaf:
		w.log.Warn("The process connector was silenced, and another program has mended it; what happened meanwhile is not counted")
	}
}

// troubled logs an error unless it is the one that was logged last.
func (w *watch) troubled(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != w.trouble && err != nil {
		w.log.Warn(text)
	}
	w.trouble = text
}
