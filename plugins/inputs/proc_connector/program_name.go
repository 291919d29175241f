//go:build linux

package proc_connector

import (
	"bytes"
	"path"
	"strings"
)

// maxScript is the highest index that the path of a script has among the
// arguments of its interpreter. Each interpreter brings itself and at most one
// argument, and five of them may be nested (exec_binprm in fs/exec.c).
const maxScript = 10

// vague reports whether a name of the kernel does not say which program runs: it
// may be cut, or is the last part of a path such as /proc/self/exe or
// /dev/fd/7. A number says so only after an exec: a process may also have named
// itself.
func vague(comm []byte, execed bool) bool {
	return len(comm) == maxComm || isLink(comm, execed)
}

func isLink(comm []byte, execed bool) bool {
	return string(comm) == "exe" || execed && len(comm) > 0 && len(bytes.TrimLeft(comm, "0123456789")) == 0
}

// wholeName returns commandName for a name that is vague, with what else tells
// the program: its arguments, as in /proc/PID/cmdline, and the target of its exe,
// which may be empty.
func wholeName(comm, args []byte, exe string, execed bool) string {
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
