package procfs

import (
	"bytes"
	"errors"
	"math"
)

// errStatus is what ParseStatus returns for bytes that are no status file.
var errStatus = errors.New("malformed status")

// Status is what a process's status file says first.
type Status struct {
	Name      []byte // of the first thread, part of the bytes that were parsed
	State     byte   // 'R', 'S', 'D', 'Z', …
	PPID      int32
	TracerPID int32  // 0: nobody traces it
	UID       uint32 // real: who started it, even where the program runs with another user's rights
}

// Status reads who a process is. It allocates nothing unless it fails. st.Name is valid
// until the next call of any method of fs.
func (fs *FS) Status(pid int32, st *Status) error {
	n, err := fs.read(pid, "status", fs.buf[:])
	if err != nil {
		return err
	}
	if err := ParseStatus(fs.buf[:n], st); err != nil {
		return fail(pid, "status", err)
	}
	return nil
}

// Exiting reports whether the first thread has ended.
func (st *Status) Exiting() bool { return st.State == 'Z' || st.State == 'X' }

// ParseStatus reads the beginning of a status file into st, whose Name then points into
// b, which is changed. On error st is undefined.
//
// fs/proc/array.c: lines "Name:\t…", "State:\tR (running)", "PPid:\t1", "TracerPid:\t0",
// "Uid:\treal\teffective\t…" in this order, with others between them. A process cannot
// forge a line by its name: in it the kernel writes a line break as \n and a backslash
// as \\ (proc_task_name).
func ParseStatus(b []byte, st *Status) error {
	name, rest, ok := line(b, "Name:\t")
	if !ok {
		return errStatus
	}
	st.Name = unescape(name)
	state, rest, ok := line(rest, "State:\t")
	if !ok || len(state) == 0 {
		return errStatus
	}
	st.State = state[0]
	for _, number := range []struct {
		key   string
		value *int32
	}{{"PPid:\t", &st.PPID}, {"TracerPid:\t", &st.TracerPID}} {
		var text []byte
		if text, rest, ok = line(rest, number.key); !ok {
			return errStatus
		}
		v, ok := decimal(text, math.MaxInt32)
		if !ok {
			return errStatus
		}
		*number.value = int32(v)
	}
	uids, _, ok := line(rest, "Uid:\t")
	if !ok {
		return errStatus
	}
	first, _, _ := bytes.Cut(uids, []byte("\t"))
	uid, ok := decimal(first, math.MaxUint32)
	st.UID = uint32(uid)
	if !ok {
		return errStatus
	}
	return nil
}

// line returns what stands behind the key in the first line that begins with it, and what
// comes after that line.
func line(b []byte, key string) (value, rest []byte, ok bool) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil, nil, false // cut
		}
		if len(key) <= end && string(b[:len(key)]) == key {
			return b[len(key):end], b[end+1:], true
		}
		b = b[end+1:]
	}
	return nil, nil, false
}

// unescape takes back, in place, what the kernel does to a name.
func unescape(name []byte) []byte {
	if bytes.IndexByte(name, '\\') < 0 {
		return name
	}
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '\\' && i+1 < len(name) {
			i++
			if c = name[i]; c == 'n' {
				c = '\n'
			}
		}
		name[n] = c
		n++
	}
	return name[:n]
}
