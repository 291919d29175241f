//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
)

const (
	// maxDenials is after how many denials exe and cwd are no longer asked for, and
	// denialPause for how long. One that is permitted makes up for permittedWeight
	// denials, so that who may read some processes goes on. After the pause
	// furtherDenials are enough.
	maxDenials      = 100
	permittedWeight = 10
	furtherDenials  = 10
	denialPause     = uint64(time.Hour)
)

// denials keeps account of the kernel's refusals to tell exe and cwd of a process.
// Where AppArmor or SELinux are the reason, each leaves a line in the audit log,
// which would fill: so after a while nobody asks, and an hour later it is tried
// again.
type denials struct {
	log    telegraf.Logger
	tell   func(ask bool) // tells the catchers, if there are any
	count  int
	paused bool
	until  uint64 // the end of the pause, once that is known
	logged bool
}

// at takes note of the time, in nanoseconds of CLOCK_MONOTONIC.
func (d *denials) at(now uint64) {
	switch {
	case !d.paused:
	case d.until == 0:
		d.until = now + denialPause
	case now >= d.until:
		d.paused, d.until, d.count = false, 0, maxDenials-furtherDenials
		d.told()
	}
}

// asked takes note of an answer.
func (d *denials) asked(denied bool) {
	if !denied {
		d.count = max(d.count-permittedWeight, 0)
		return
	}
	d.count++
	if d.count < maxDenials || d.paused {
		return
	}
	d.paused = true
	d.told()
	if !d.logged {
		d.logged = true
		d.log.Warnf("Reading exe and cwd of other processes was denied %d times, so that it is left out now and tried again each hour: "+
			"see CAP_SYS_PTRACE, and the rules of AppArmor or SELinux", d.count)
	}
}

func (d *denials) told() {
	if d.tell != nil {
		d.tell(!d.paused)
	}
}
