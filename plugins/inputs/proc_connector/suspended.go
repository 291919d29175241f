//go:build linux

package proc_connector

import "golang.org/x/sys/unix"

// suspended returns by how much CLOCK_BOOTTIME, in which /proc tells start
// times, is ahead of CLOCK_MONOTONIC, in which events are timed, in nanoseconds:
// for so long the machine was suspended.
func suspended() uint64 {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0 // no kernel that has the process connector lacks them
	}
	// Read one after the other, they differ by some nanoseconds in any case; a
	// start time is exact to 10 ms.
	return uint64(boot.Nano() - mono.Nano())
}
