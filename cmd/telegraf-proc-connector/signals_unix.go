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
	// stopSignals would end a Go program if somebody sends them: SIGABRT is
	// systemd's watchdog's. Faults of the program itself do not come this way.
	stopSignals = []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT,
		syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGILL, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE,
	}
)
