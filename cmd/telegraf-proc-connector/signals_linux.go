package main

import (
	"os"
	"syscall"
)

// linuxStopSignals are more that would end the program.
var linuxStopSignals = []os.Signal{syscall.SIGSTKFLT}
