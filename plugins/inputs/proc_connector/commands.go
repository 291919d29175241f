//go:build linux

package proc_connector

import (
	"path"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

// maxComm is the length at which the kernel cuts a name: TASK_COMM_LEN of
// include/linux/sched.h without its zero byte.
const maxComm = 15

// maxName is the longest name that a file can have (NAME_MAX of
// include/uapi/linux/limits.h). An argv[0] may be longer, but is no file's name.
const maxName = 255

// commandName returns the name under which a process is shown: the kernel's
// comm or, where that was cut, the whole name. Candidates are paths that may
// end in the whole name, the best first: one that ends in no more than comm says
// that nothing was cut.
func commandName(comm string, candidates ...string) string {
	if len(comm) == maxComm {
		for _, c := range candidates {
			// The name of a memfd may hold slashes.
			base := c
			if !strings.HasPrefix(c, "memfd:") {
				base = path.Base(c)
			}
			if len(base) <= maxName && strings.HasPrefix(base, comm) {
				comm = base
				break
			}
		}
	}
	switch comm {
	case "":
		return series.Unknown
	case series.Other, series.Kernel, series.Unknown:
		// One that imitates a reserved name is shown with its first character
		// escaped.
		return `\x5f` + comm[1:]
	}
	return tagValue(comm)
}

// tagValue makes a name that another program chose safe for a tag. Beyond what
// a field needs, that is a backslash of which line protocol would make
// something else: one that ends the name, or stands before a character that is
// escaped with a backslash there.
func tagValue(name string) string {
	name = cmdline.Clean(name)
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && (i+1 == len(name) || strings.IndexByte(`,= \`, name[i+1]) >= 0) {
			name = name[:i] + `\x5c` + name[i+1:]
		}
	}
	return name
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

// renamed returns how a process is shown that took a name. One that took the
// name that it had, which the kernel cut, keeps the whole.
func (n names) renamed(comm []byte, old string) string {
	if len(comm) == maxComm && len(old) > maxComm && old[:maxComm] == string(comm) {
		return old
	}
	return n.of(comm)
}
