package procfs

import (
	"bytes"
	"errors"
	"math"
)

// Task flags, include/linux/sched.h.
const (
	pfExiting = 0x00000004 // #define PF_EXITING 0x00000004
	pfKthread = 0x00200000 // #define PF_KTHREAD 0x00200000
)

var errStat = errors.New("malformed stat")

// Stat is what a process's stat file says of its first thread.
type Stat struct {
	Comm      []byte // its name, part of the bytes that were parsed
	State     byte   // 'R', 'S', 'D', 'Z', …
	PPID      int32
	Flags     uint32 // PF_*
	Threads   int32
	StartTime uint64 // clock ticks since boot
}

// Stat reads the state of a process. It allocates nothing unless it fails. st.Comm is
// valid until the next call of any method of fs.
func (fs *FS) Stat(pid int32, st *Stat) error {
	n, err := fs.read(pid, "stat", fs.buf[:])
	if err == nil && ParseStat(fs.buf[:n], st) != nil {
		err = fs.fail(pid, "stat", errStat)
	}
	return err
}

// Exiting reports whether the first thread is ending or has ended. The process may live
// on in other threads: Threads is then more than one.
func (st *Stat) Exiting() bool {
	return st.Flags&pfExiting != 0 || st.State == 'Z' || st.State == 'X'
}

// KernelThread reports whether this is a thread of the kernel, which runs no program.
func (st *Stat) KernelThread() bool { return st.Flags&pfKthread != 0 }

// ParseStat reads the content of a stat file into st, whose Comm then points into b. On
// error st is undefined.
func ParseStat(b []byte, st *Stat) error {
	// The name stands in parentheses and may hold anything, parentheses and line breaks
	// too. What follows it never holds one, so the last ends it.
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return errStat
	}
	rest, _ := bytes.CutPrefix(bytes.TrimSuffix(b[end:], []byte("\n")), []byte(") "))
	// Numbers of fields are those of proc_pid_stat(5); the name is the second.
	state, rest := cutField(rest, 3-2)
	parent, rest := cutField(rest, 4-3)
	flags, rest := cutField(rest, 9-4)
	threads, rest := cutField(rest, 20-9)
	start, _ := cutField(rest, 22-20)
	ok := len(state) == 1
	st.PPID = int32(decimal(parent, math.MaxInt32, &ok))
	st.Flags = uint32(decimal(flags, math.MaxUint32, &ok))
	st.Threads = int32(decimal(threads, math.MaxInt32, &ok))
	st.StartTime = decimal(start, math.MaxUint64, &ok)
	if !ok {
		return errStat
	}
	st.Comm, st.State = b[open+1:end], state[0]
	return nil
}

// cutField returns the nth of the fields that blanks separate, and what comes after it.
// Both are nil if one before it is empty or ends b.
func cutField(b []byte, n int) (field, rest []byte) {
	start := 0
	for i, c := range b {
		switch {
		case c != ' ':
			continue
		case n == 1:
			return b[start:i], b[i+1:]
		case i == start:
			return nil, nil
		}
		start, n = i+1, n-1
	}
	if n > 1 {
		return nil, nil
	}
	return b[start:], nil
}

// decimal reads a number, and takes ok back if it is none. It is here because strconv reads
// strings, and takes longer than this with the copy.
func decimal(digits []byte, highest uint64, ok *bool) (value uint64) {
	*ok = *ok && len(digits) > 0
	for _, c := range digits {
		d := uint64(c - '0')
		*ok = *ok && d <= 9 && value <= (highest-d)/10
		value = value*10 + d
	}
	return value
}
