//go:build linux

package proc_connector

import (
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// suspended returns by how much CLOCK_BOOTTIME, in which /proc tells start
// times, is ahead of CLOCK_MONOTONIC, in which events are timed, in nanoseconds:
// for so long the machine was suspended. In a time namespace /proc tells start
// times by its clock, which may be behind.
func suspended() int64 {
	var boot unix.Timespec
	mono := cnproc.Monotonic()
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0 // no kernel that has the process connector lacks it
	}
	// Read one after the other, they differ by some nanoseconds in any case; a
	// start time is exact to 10 ms.
	return boot.Nano() - int64(mono)
}
