package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// reconcile gives back what killed plugins have left in the kernel's listener count, as the
// next start would. It is made for ExecStopPost= in systemd.exec(5) and for cron: the exit
// status is 0 also when there was nothing to do.
func reconcile(args arguments, _ io.Writer, log *logger) int {
	plugin, err := loadPlugin(args.config, log)
	if err != nil {
		return log.fail(err)
	}
	cfg := plugin.Connector()
	signals := catchSignals()
	found, err := cnproc.Reconcile(cfg)
	signal.Stop(signals)

	proc_connector.LogLeases(log, found)
	if found.Listens > 0 && found.Listening {
		log.Warnf("The process connector was silenced, and was repaired with %d LISTENs: %s",
			found.Listens, proc_connector.Unmatched)
	}
	err = errors.Join(err, found.Err)
	if err == nil && !found.Listening {
		err = fmt.Errorf("nothing was released: %w", cnproc.ErrSilenced)
	}
	if err != nil {
		log.Errorf("Reconciling failed: %v%s", err, seeDoctor(err))
		return 1
	}
	if found.Released+found.Mistaken+found.Kept+found.Listens == 0 {
		log.Infof("There is nothing to release: no killed plugin has left a lease in %s", cfg.StateDirectory)
	}
	return 0
}
