package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// greet tells somebody who runs the program by hand what it does, and how to end
// it. Telegraf, and whoever keeps the metrics in a file, is told nothing.
func greet(stdout, stderr io.Writer, pollInterval time.Duration) {
	if !isTerminal(stdout) {
		return
	}
	counters := "counters only on request"
	if pollInterval > 0 {
		counters = fmt.Sprintf("counters every %v", pollInterval)
	}
	keys := "Ctrl-C stops."
	if isTerminal(os.Stdin) {
		keys = "Enter reports counters at once, Ctrl-C stops."
	}
	fmt.Fprintf(stderr, "Reporting what is started on this machine, as Telegraf will see it: %s.\n%s\n", counters, keys)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
