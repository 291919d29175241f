// Command receive-vishvananda receives process events as one does with
// github.com/vishvananda/netlink: from the channel of ProcEventMonitor. That
// sends no IGNORE and gives nobody else the socket to do so.
package main

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/proc-connector/telegraf-proc-connector/test/bench/internal/peer"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	events := make(chan netlink.ProcEvent)
	done := make(chan struct{})
	errs := make(chan error, 1)
	if err := netlink.ProcEventMonitor(events, done, errs); err != nil {
		return err
	}
	var tally peer.Tally
	go func() {
		for e := range events {
			tally.Event(e.What, e.Msg.Pid())
		}
		// The library's loop has ended, and says why.
		tally.Stopped(<-errs)
	}()
	return tally.Wait(func() error { return nil })
}
