// Command workload does, one at a time, what processes do to cause events of the
// process connector. It needs the Go runtime out of the way: events come from
// the main thread unless a subcommand is about another one, and system calls
// are made as such, since several functions of the syscall package act on all
// threads at once.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
)

func init() {
	// The main goroutine stays on the main thread, whose thread id is the
	// process id, and no other goroutine ever runs there.
	runtime.LockOSThread()
}

type command struct {
	usage string
	// args is how many arguments there must be at least, and more whether
	// there may be more.
	args int
	more bool
	run  func(args []string) error
}

var commands = map[string]command{
	"sleep50":    {"sleep50 [ARG...]", 0, true, sleep50},
	"exit":       {"exit STATUS", 1, false, exit},
	"signal":     {"signal NAME", 1, false, signal},
	"abort":      {"abort", 0, false, abort},
	"setuid":     {"setuid UID", 1, false, setuid},
	"setsid":     {"setsid", 0, false, setsid},
	"threadexec": {"threadexec PROGRAM [ARG...]", 1, true, threadexec},
	"rename":     {"rename NAME COUNT", 2, false, rename},
	"ptrace":     {"ptrace PID", 1, false, ptrace},
	"leaderexit": {"leaderexit MILLISECONDS|stdin", 1, false, leaderexit},
	"forknoexec": {"forknoexec COUNT", 1, false, forknoexec},
	"threads":    {"threads COUNT", 1, false, threads},
	"spawn":      {"spawn COUNT PROGRAM [ARG...]", 2, true, spawn},
	"storm":      {"storm SECONDS PROGRAM [ARG...]", 2, true, storm},
	"exec0":      {"exec0 PROGRAM", 1, false, exec0},
	"through":    {"through WAY PROGRAM [ARG...]", 2, true, through},
	"title":      {"title TITLE [ARG...]", 1, true, title},
	"nonetlink":  {"nonetlink PROGRAM [ARG...]", 1, true, nonetlink},
}

var errUsage = errors.New("usage")

func main() {
	if len(os.Args) < 2 {
		os.Exit(usage())
	}
	cmd, ok := commands[os.Args[1]]
	args := os.Args[2:]
	if !ok || len(args) < cmd.args || len(args) > cmd.args && !cmd.more {
		os.Exit(usage())
	}
	switch err := cmd.run(args); {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "workload: %v\n", err)
		os.Exit(usage())
	case err != nil:
		fmt.Fprintf(os.Stderr, "workload %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// usage returns the exit status.
func usage() int {
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(os.Stderr, "usage: workload %s\n", commands[name].usage)
	}
	return 2
}

// number parses an argument that must not be negative.
func number(arg string) (int, error) {
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUsage, err)
	}
	return int(n), nil
}
