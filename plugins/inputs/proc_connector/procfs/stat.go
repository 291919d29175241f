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
		err = fail(pid, "stat", errStat)
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
	st.Comm = b[open+1 : end]

	rest, _ := bytes.CutPrefix(bytes.TrimSuffix(b[end:], []byte("\n")), []byte(") "))
	// Numbers of fields are those of proc_pid_stat(5); the name is the second.
	state, rest := cutField(rest, 3-2)
	parent, rest := cutField(rest, 4-3)
	flags, rest := cutField(rest, 9-4)
	threads, rest := cutField(rest, 20-9)
	start, _ := cutField(rest, 22-20)
	if len(state) != 1 {
		return errStat
	}
	ppid, ok1 := decimal(parent, math.MaxInt32)
	mask, ok2 := decimal(flags, math.MaxUint32)
	count, ok3 := decimal(threads, math.MaxInt32)
	ticks, ok4 := decimal(start, math.MaxUint64)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return errStat
	}
	st.State, st.PPID, st.Flags, st.Threads, st.StartTime = state[0], int32(ppid), uint32(mask), int32(count), ticks
	return nil
}

// cutField returns the nth of the fields that blanks separate, and what comes after it.
// Both are nil if one before it is empty or ends b.
func cutField(b []byte, n int) (field, rest []byte) {
	rest = b
	for range n - 1 {
		end := bytes.IndexByte(rest, ' ')
		if end <= 0 {
			return nil, nil
		}
		rest = rest[end+1:]
	}
	field, rest, _ = bytes.Cut(rest, []byte(" "))
	return field, rest
}

// decimal reads a number: strconv reads strings, and takes longer than this with the copy.
func decimal(digits []byte, highest uint64) (value uint64, ok bool) {
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 || value > (highest-d)/10 {
			return 0, false
		}
		value = value*10 + d
	}
	return value, len(digits) > 0
}
