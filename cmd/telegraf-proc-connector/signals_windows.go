package main

import (
	"os"
	"syscall"
)

const brokenPipe = syscall.SIGPIPE

var (
	gatherSignals []os.Signal
	stopSignals   = []os.Signal{os.Interrupt, syscall.SIGTERM}
)
