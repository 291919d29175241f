package processes

import (
	"bytes"
	"path"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

const (
	// maxComm is the length at which the kernel cuts a name.
	maxComm = cnproc.CommLen - 1

	// maxName is the longest name that a file can have (NAME_MAX of
	// include/uapi/linux/limits.h). An argv[0] may be longer, but is no file's name.
	maxName = 255

	// maxScript is the highest index that the path of a script has among the arguments of
	// its interpreter. Each interpreter brings itself and at most one argument, and five
	// of them may be nested (exec_binprm in fs/exec.c).
	maxScript = 10
)

// commandName returns the name under which a process is shown: the kernel's comm or, where
// that was cut, the whole name. Candidates are paths that may end in the whole name, the
// best first: one that ends in no more than comm says that nothing was cut.
func commandName(comm string, candidates ...string) string {
	if len(comm) == maxComm {
		for _, candidate := range candidates {
			if name := baseName(candidate); len(name) <= maxName && strings.HasPrefix(name, comm) {
				return TagValue(name)
			}
		}
	}
	switch comm {
	case "":
		return Unknown
	case Other, Kernel, Unknown:
		return `\x5f` + comm[1:] // an imitation, so that its first character is escaped
	}
	return TagValue(comm)
}

// baseName returns the last part of a path. The name of what exists in memory only may have
// slashes in it (memfd_create(2)).
func baseName(file string) string {
	if file == "" || strings.HasPrefix(file, "memfd:") {
		return file
	}
	return path.Base(file)
}

// TagValue makes a name that another program chose safe for a tag. Beyond what a field
// needs, that is a backslash of which line protocol would make something else: one that
// ends the name, or stands before a character that is escaped with a backslash there.
func TagValue(name string) string {
	name = cmdline.Clean(name)
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && (i+1 == len(name) || strings.IndexByte(`,= \`, name[i+1]) >= 0) {
			name = name[:i] + `\x5c` + name[i+1:]
		}
	}
	return name
}

// Names remembers how names are shown.
type Names struct{ shown memo.Memo[string] }

// Of returns how a process is shown whose name is not cut.
func (n *Names) Of(comm []byte) string {
	return n.shown.Get(comm, func(name string) string { return commandName(name) })
}

// Renamed returns how a process is shown that took a name. One that took the name that it
// had, which the kernel cut, keeps the whole.
func (n *Names) Renamed(comm []byte, old string) string {
	if len(comm) == maxComm && len(old) > maxComm && old[:maxComm] == string(comm) {
		return old
	}
	return n.Of(comm)
}

// Vague reports whether a name of the kernel does not say which program runs: it may be
// cut, or is the last part of a path such as /proc/self/exe or /dev/fd/7. A number says so
// only after an exec: a process may also have named itself.
func Vague(comm []byte, execed bool) bool {
	return len(comm) == maxComm || isLink(comm, execed)
}

func isLink(comm []byte, execed bool) bool {
	return string(comm) == "exe" || execed && len(comm) > 0 && len(bytes.TrimLeft(comm, "0123456789")) == 0
}

// WholeName returns how a process is shown whose name is vague, with what else tells the
// program: its arguments, as in /proc/PID/cmdline, and the target of its exe, which may be
// empty.
func WholeName(comm, args []byte, exe string, execed bool) string {
	program := baseName(strings.TrimPrefix(exe, "/"))
	if isLink(comm, execed) {
		if program == "" || isOwnName(comm, args) {
			return commandName(string(comm))
		}
		return commandName(program)
	}

	// The kernel names a script's process after the script, which stands behind the
	// interpreter, its options, and the programs that it goes through.
	first, rest, more := bytes.Cut(args, []byte{0})
	var script []byte
	for i := 1; more && script == nil && i <= maxScript; i++ {
		var arg []byte
		arg, rest, more = bytes.Cut(rest, []byte{0})
		// What no NUL ends may be incomplete.
		if more && bytes.HasPrefix(arg[bytes.LastIndexByte(arg, '/')+1:], comm) {
			script = arg
		}
	}
	return commandName(string(comm), withoutTitle(string(first), program), program, string(script))
}

// isOwnName reports whether a program or a script is really called exe, or by a number.
func isOwnName(comm, args []byte) bool {
	first, rest, _ := bytes.Cut(args, []byte{0})
	// Of a script the path stands second, or third behind an option.
	second, rest, _ := bytes.Cut(rest, []byte{0})
	third, _, _ := bytes.Cut(rest, []byte{0})
	for _, arg := range [][]byte{first, second, third} {
		directory, base := path.Split(string(arg))
		link := strings.HasPrefix(directory, "/proc/") || directory == "/dev/fd/"
		if base == string(comm) && directory != "" && !link {
			return true
		}
	}
	return bytes.Equal(first, comm)
}

// withoutTitle returns the program's name where a process has made a title of its first
// argument that begins with it, as in "program: what it does".
func withoutTitle(first, program string) string {
	title, found := strings.CutPrefix(path.Base(first), program)
	if found && program != "" && strings.IndexAny(title, ": ") == 0 {
		return program
	}
	return first
}
