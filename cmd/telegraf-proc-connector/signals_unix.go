//go:build !windows

package main

import (
	"os"
	"syscall"
)

const brokenPipe = syscall.SIGPIPE

var (
	// gatherSignals ask for metrics: those that execd can be told to send.
	gatherSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
	// stopSignals end the program; the last is systemd's watchdog's.
	stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT}
)
