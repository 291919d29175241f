//go:build !linux

package doctor

import "github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"

func writable(string) error { return cnproc.ErrNotLinux }
