package procfs

import (
	"bytes"
	"errors"
	"math"
)

var errStatus = errors.New("malformed status")

// Status is what a process's status file says first.
type Status struct {
	Name  []byte // of the first thread, part of the bytes that were parsed
	State byte   // 'R', 'S', 'D', 'Z', …
	PPID  int32
	UID   uint32 // real: who started it, even where the program runs as another user
}

// Status reads who a process is. It allocates nothing unless it fails. st.Name is valid
// until the next call of any method of fs.
func (fs *FS) Status(pid int32, st *Status) error {
	n, err := fs.read(pid, "status", fs.buf[:])
	if err == nil && ParseStatus(fs.buf[:n], st) != nil {
		err = fs.fail(pid, "status", errStatus)
	}
	return err
}

// Exiting reports whether the first thread has ended.
func (st *Status) Exiting() bool { return st.State == 'Z' || st.State == 'X' }

// ParseStatus reads the beginning of a status file into st, whose Name then points into b,
// which is changed. On error st is undefined.
//
// fs/proc/array.c: lines "Name:\t…", "State:\tR (running)", "PPid:\t1",
// "Uid:\treal\teffective\t…" in this order, with others between them.
func ParseStatus(b []byte, st *Status) error {
	name, rest := cutLine(b, "Name:\t")
	state, rest := cutLine(rest, "State:\t")
	parent, rest := cutLine(rest, "PPid:\t")
	users, _ := cutLine(rest, "Uid:\t")
	realUser, _, _ := bytes.Cut(users, []byte("\t"))
	ok := len(state) > 0
	st.PPID = int32(decimal(parent, math.MaxInt32, &ok))
	st.UID = uint32(decimal(realUser, math.MaxUint32, &ok))
	if !ok {
		return errStatus
	}
	st.Name, st.State = unescape(name), state[0]
	return nil
}

// cutLine returns what stands behind the key in the first whole line that begins with it,
// and what comes after that line. Both are nil if there is none.
func cutLine(b []byte, key string) (value, rest []byte) {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil, nil
		}
		if bytes.HasPrefix(b[:end], []byte(key)) {
			return b[len(key):end], b[end+1:]
		}
		b = b[end+1:]
	}
}

// unescape takes back, in place, what the kernel does to a name so that no process can
// forge a line by it: a line break is \n there, and a backslash \\ (proc_task_name).
func unescape(name []byte) []byte {
	plain := name[:0]
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '\\' && i+1 < len(name) {
			i++
			if c = name[i]; c == 'n' {
				c = '\n'
			}
		}
		plain = append(plain, c)
	}
	return plain
}
