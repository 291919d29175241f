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

// Fields of stat, numbered as in proc_pid_stat(5).
const (
	statState      = 3
	statPPID       = 4
	statFlags      = 9
	statNumThreads = 20
	statStartTime  = 22
)

// errStat is what ParseStat returns for bytes that are no stat file.
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

// Stat reads the state of a process. It allocates nothing unless it fails.
// st.Comm is valid until the next call of any method of fs.
func (fs *FS) Stat(pid int32, st *Stat) error {
	n, err := fs.read(pid, "stat", fs.buf[:])
	if err != nil {
		return err
	}
	if err := ParseStat(fs.buf[:n], st); err != nil {
		return fail(pid, "stat", err)
	}
	return nil
}

// Exiting reports whether the first thread is ending or has ended. The process
// may live on in other threads: Threads is then more than one.
func (st *Stat) Exiting() bool {
	return st.Flags&pfExiting != 0 || st.State == 'Z' || st.State == 'X'
}

// KernelThread reports whether this is a thread of the kernel, which runs no
// program.
func (st *Stat) KernelThread() bool { return st.Flags&pfKthread != 0 }

// ParseStat reads the content of a stat file into st, whose Comm then points
// into b. On error st is undefined.
func ParseStat(b []byte, st *Stat) error {
	// The name stands in parentheses and may hold anything, parentheses and
	// line breaks too. What follows it never holds one, so the last ends it.
	start, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if start < 0 || end < start {
		return errStat
	}
	st.Comm = b[start+1 : end]

	rest, found := bytes.CutPrefix(bytes.TrimSuffix(b[end+1:], []byte("\n")), []byte(" "))
	if !found {
		return errStat
	}
	for n := statState; n <= statStartTime; n++ {
		field := rest
		if i := bytes.IndexByte(rest, ' '); i >= 0 {
			field, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		var v uint64
		ok := true
		switch n {
		case statState:
			if len(field) != 1 {
				return errStat
			}
			st.State = field[0]
		case statPPID:
			v, ok = decimal(field, math.MaxInt32)
			st.PPID = int32(v)
		case statFlags:
			v, ok = decimal(field, math.MaxUint32)
			st.Flags = uint32(v)
		case statNumThreads:
			v, ok = decimal(field, math.MaxInt32)
			st.Threads = int32(v)
		case statStartTime:
			st.StartTime, ok = decimal(field, math.MaxUint64)
		default:
			ok = len(field) > 0
		}
		if !ok {
			return errStat
		}
	}
	return nil
}

// decimal reads decimal digits. It is here because strconv reads strings, and a
// string would have to be allocated.
func decimal(b []byte, highest uint64) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || v > (highest-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}
