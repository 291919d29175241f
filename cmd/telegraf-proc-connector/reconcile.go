package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// reconcile gives back what killed plugins have left in the kernel's listener
// count, as the next start would. It is made for ExecStopPost= in systemd.exec(5)
// and for cron: the exit status is 0 also when there was nothing to do.
func reconcile(args arguments, _, stderr io.Writer) int {
	cfg, err := connector(args.config, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	var found cnproc.CheckResult
	undisturbed(func() { found, err = cnproc.Reconcile(cfg) })

	log := newLogger(stderr)
	defer log.flush()
	if found.Released > 0 {
		log.Infof("Gave back %d listener(s) that killed plugins had left in the kernel's count", found.Released)
	}
	if found.Mistaken > 0 {
		log.Infof("Removed %d lease(s) of killed plugins whose listeners the kernel's count does not hold", found.Mistaken)
	}
	if found.Kept > 0 {
		log.Infof("Left %d lease(s) of killed plugins for later: what they claim may as well be another listener's", found.Kept)
	}
	if found.Listens > 0 && found.Listening {
		log.Warnf("The process connector was silenced, and was repaired with %d LISTENs: another program, or from Linux 6.6 on any user, "+
			"has sent the kernel unmatched IGNOREs", found.Listens)
	}
	err = errors.Join(err, found.Err)
	if err == nil && !found.Listening {
		err = fmt.Errorf("nothing was given back: %w", cnproc.ErrSilenced)
	}
	if err != nil {
		log.Errorf("Reconciling failed: %v%s", err, seeDoctor(err))
		return 1
	}
	if found.Released+found.Mistaken+found.Kept+found.Listens == 0 {
		log.Infof("There is nothing to give back: no plugin was killed that kept a lease in %s", cfg.StateDirectory)
	}
	return 0
}
