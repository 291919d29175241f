//go:build !linux

package main

import "os"

var linuxStopSignals []os.Signal
