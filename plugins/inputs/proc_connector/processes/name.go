package processes

import (
	"bytes"
	"path"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// maxComm is the length at which the kernel cuts a name.
const maxComm = cnproc.CommLen - 1

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
		return Unknown
	case Other, Kernel, Unknown:
		// One that imitates a reserved name is shown with its first character
		// escaped.
		return `\x5f` + comm[1:]
	}
	return TagValue(comm)
}

// TagValue makes a name that another program chose safe for a tag. Beyond what
// a field needs, that is a backslash of which line protocol would make
// something else: one that ends the name, or stands before a character that is
// escaped with a backslash there.
func TagValue(name string) string {
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

// Names remembers how names are shown, so that one that was seen before costs
// no allocation.
type Names map[string]string

// Of returns commandName for a name that is not cut.
func (n Names) Of(comm []byte) string {
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

// Renamed returns how a process is shown that took a name. One that took the
// name that it had, which the kernel cut, keeps the whole.
func (n Names) Renamed(comm []byte, old string) string {
	if len(comm) == maxComm && len(old) > maxComm && old[:maxComm] == string(comm) {
		return old
	}
	return n.Of(comm)
}

// maxScript is the highest index that the path of a script has among the
// arguments of its interpreter. Each interpreter brings itself and at most one
// argument, and five of them may be nested (exec_binprm in fs/exec.c).
const maxScript = 10

// Vague reports whether a name of the kernel does not say which program runs: it
// may be cut, or is the last part of a path such as /proc/self/exe or
// /dev/fd/7. A number says so only after an exec: a process may also have named
// itself.
func Vague(comm []byte, execed bool) bool {
	return len(comm) == maxComm || isLink(comm, execed)
}

func isLink(comm []byte, execed bool) bool {
	return string(comm) == "exe" || execed && len(comm) > 0 && len(bytes.TrimLeft(comm, "0123456789")) == 0
}

// WholeName returns commandName for a name that is vague, with what else tells
// the program: its arguments, as in /proc/PID/cmdline, and the target of its exe,
// which may be empty.
func WholeName(comm, args []byte, exe string, execed bool) string {
	if isLink(comm, execed) {
		if exe == "" || isOwnName(comm, args) {
			return commandName(string(comm))
		}
		return commandName(executable(exe))
	}

	first, rest, more := bytes.Cut(args, []byte{0})
	program := executable(exe)
	// The kernel names a script's process after the script, which stands behind the
	// interpreter, its options, and the programs that it goes through.
	var script string
	for i := 1; more && i <= maxScript; i++ {
		var arg []byte
		// What no NUL ends may be incomplete.
		if arg, rest, more = bytes.Cut(rest, []byte{0}); more && bytes.HasPrefix(arg[bytes.LastIndexByte(arg, '/')+1:], comm) {
			script = string(arg)
			break
		}
	}
	return commandName(string(comm), withoutTitle(string(first), program), program, script)
}

// isOwnName reports whether a program or a script is really called exe, or by a
// number.
func isOwnName(comm, args []byte) bool {
	first, rest, _ := bytes.Cut(args, []byte{0})
	// Of a script the path stands second, or third behind an option.
	second, rest, _ := bytes.Cut(rest, []byte{0})
	third, _, _ := bytes.Cut(rest, []byte{0})
	if bytes.Equal(first, comm) {
		return true
	}
	for _, arg := range [][]byte{first, second, third} {
		dir, base := path.Split(string(arg))
		if base == string(comm) && dir != "" && !strings.HasPrefix(dir, "/proc/") && dir != "/dev/fd/" {
			return true
		}
	}
	return false
}

// executable returns the name of the file that an exe link shows. One that exists
// in memory only has no directory, but may have slashes in its name
// (memfd_create(2)).
func executable(exe string) string {
	if strings.HasPrefix(exe, "/memfd:") {
		return exe[1:]
	}
	if exe == "" {
		return ""
	}
	return path.Base(exe)
}

// withoutTitle returns the program's name where a process has made a title of its
// first argument that begins with it, as in "program: what it does".
func withoutTitle(first, program string) string {
	base := path.Base(first)
	if rest, found := strings.CutPrefix(base, program); found && program != "" && rest != "" && strings.IndexByte(": ", rest[0]) >= 0 {
		return program
	}
	return first
}
