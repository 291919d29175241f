//go:build linux

package proc_connector

import (
	"path"
	"strings"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
)

// Commands with a meaning of their own. A process whose name imitates one is
// shown with its first character escaped.
const (
	commandOther   = "_other"   // beyond max_commands
	commandKernel  = "_kernel"  // kernel threads
	commandUnknown = "_unknown" // ended before its name could be read, or has an empty one
)

// maxComm is the length at which the kernel cuts a name: TASK_COMM_LEN of
// include/linux/sched.h without its zero byte.
const maxComm = 15

// maxName is the longest name that a file can have (NAME_MAX of
// include/uapi/linux/limits.h). An argv[0] may be longer, but is no file's name.
const maxName = 255

// commandName returns the name under which a process is shown: the kernel's
// comm or, where that was cut, the whole name. Candidates are paths that may
// end in the whole name.
func commandName(comm string, candidates ...string) string {
	if len(comm) == maxComm {
		for _, c := range candidates {
			if base := path.Base(c); len(base) > maxComm && len(base) <= maxName && strings.HasPrefix(base, comm) {
				comm = base
				break
			}
		}
	}
	switch comm {
	case "":
		return commandUnknown
	case commandOther, commandKernel, commandUnknown:
		return `\x5f` + comm[1:]
	}
	return cmdline.Clean(comm)
}

// maxNames bounds the names that are remembered. When a storm of new ones fills
// the memory, it starts anew.
const maxNames = 4096

// names remembers how names are shown, so that one that was seen before costs
// no allocation.
type names map[string]string

// of returns commandName for a name that is not cut.
func (n names) of(comm []byte) string {
	if shown, ok := n[string(comm)]; ok {
		return shown
	}
	if len(n) >= maxNames {
		clear(n)
	}
	shown := commandName(string(comm))
	n[string(comm)] = shown
	return shown
}

// A command is one value of the tag command.
type command struct {
	tag  string
	used time.Time
	last time.Time // time of the latest event metric
}

// stamp returns the time for the next event metric of the command: t, or the
// next nanosecond where an earlier one has it already, because a database takes
// two points of one series and time for one. A wall clock that was set back is
// followed.
func (c *command) stamp(t time.Time) time.Time {
	if behind := c.last.Sub(t); behind >= 0 && behind < time.Second {
		t = c.last.Add(time.Nanosecond)
	}
	c.last = t
	return t
}

// commands hands out at most max values of the tag command; further names share
// one. A name that was not used for the time of expiry frees its place when
// another needs it.
type commands struct {
	max    int
	expiry time.Duration
	byName map[string]*command
	other  command
	swept  time.Time
}

func newCommands(limit int, expiry time.Duration) *commands {
	return &commands{max: limit, expiry: expiry, byName: make(map[string]*command), other: command{tag: commandOther}}
}

// get returns the command for a name at the time now.
func (c *commands) get(name string, now time.Time) *command {
	cmd, ok := c.byName[name]
	if !ok {
		if len(c.byName) >= c.max && !c.sweep(now) {
			return &c.other
		}
		cmd = &command{tag: name}
		c.byName[name] = cmd
	}
	cmd.used = now
	return cmd
}

// sweep removes names that were not used for long and reports whether there is
// room now. It looks once a second at most, so that a storm of new names stays
// cheap.
func (c *commands) sweep(now time.Time) bool {
	if age := now.Sub(c.swept); age >= 0 && age < time.Second {
		return false
	}
	c.swept = now
	for name, cmd := range c.byName {
		if now.Sub(cmd.used) >= c.expiry {
			delete(c.byName, name)
		}
	}
	return len(c.byName) < c.max
}
