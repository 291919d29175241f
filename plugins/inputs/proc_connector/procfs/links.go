package procfs

import (
	"strconv"
	"strings"
)

// deleted marks the path of what has no name any more (d_path in fs/d_path.c). It cannot
// be told from a name that really ends so.
const deleted = " (deleted)"

// Exe returns the path of the program that a process runs, as seen from its own root.
//
// Other users' processes need CAP_SYS_PTRACE. A kernel thread has no program and gives
// ErrGone.
func (fs *FS) Exe(pid int32) (string, error) { return fs.link(pid, "exe") }

// Cwd returns the directory that a process works in, with the rules of Exe.
func (fs *FS) Cwd(pid int32) (string, error) { return fs.link(pid, "cwd") }

func (fs *FS) link(pid int32, file string) (string, error) {
	n, err := readlinkat(fs.dir(), strconv.Itoa(int(pid))+"/"+file, fs.buf[:])
	if err != nil {
		return "", fs.fail(pid, file, err)
	}
	return ParseLink(string(fs.buf[:n])), nil
}

// ParseLink returns the path in the target of one of these links, without the mark that
// follows each upgrade of a running program and would turn one program into two.
func ParseLink(target string) string { return strings.TrimSuffix(target, deleted) }
