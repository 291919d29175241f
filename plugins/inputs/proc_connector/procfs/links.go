package procfs

import (
	"bytes"
	"strconv"
)

// deleted is what the kernel adds to the path of a file that has no name any
// more (d_path in fs/d_path.c).
const deleted = " (deleted)"

// Exe returns the path of the program that a process runs, as seen from the
// process's own root. The kernel's mark " (deleted)", which follows each
// upgrade of a running program and would turn one program into two, is taken
// off; it cannot be told from a name that really ends so.
//
// Other users' processes need CAP_SYS_PTRACE. A kernel thread has no program
// and gives ErrGone.
func (fs *FS) Exe(pid int32) (string, error) { return fs.link(pid, "exe") }

// Cwd returns the directory that a process works in, with the rules of Exe.
func (fs *FS) Cwd(pid int32) (string, error) { return fs.link(pid, "cwd") }

func (fs *FS) link(pid int32, file string) (string, error) {
	n, err := readlinkat(fs.dir, strconv.Itoa(int(pid))+"/"+file, fs.buf[:])
	if err != nil {
		return "", fail(pid, file, err)
	}
	return string(ParseLink(fs.buf[:n])), nil
}

// ParseLink returns the path in the target of one of these links: see Exe for
// what is taken off.
func ParseLink(target []byte) []byte { return bytes.TrimSuffix(target, []byte(deleted)) }
