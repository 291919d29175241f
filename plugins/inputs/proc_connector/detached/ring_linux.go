package detached

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A ring holds what one catcher has read until the receiver takes it. They need no
// lock, only the functions of sync/atomic (its types have methods, which grow the
// stack where they are not inlined).
type ring struct {
	// ends are the head, where the next entry goes, and in the lower half the tail, where the
	// oldest lies. Both count bytes since the beginning, modulo 2^32; modulo the size they are
	// places in the ring. The catcher moves the head, the receiver the tail; but while the
	// ring is empty the catcher may move both, to begin anew.
	ends    uint64
	memory  []byte
	size    uint32 // of the memory: a power of two
	longest uint32 // entry
	calm    uint32 // see reserve
}

const (
	// entryAlign keeps entries apart by cache lines, and the rest at the end of the ring large
	// enough for a header.
	entryAlign = 64

	// minRing holds what thousands of execs leave behind.
	minRing = 4 << 20
	// minCalm is how much of the ring is used over and over while the receiver keeps up.
	minCalm = 128 << 10
)

// An entry stands in the ring before the bytes that were read.
type entry struct {
	size      uint32 // of the whole entry, a multiple of entryAlign
	taken     uint32 // not 0 when it was taken, or never was more than padding
	pid       int32
	_         uint32
	timestamp uint64 // of the event: nanoseconds of CLOCK_MONOTONIC
	readAt    uint64 // when the last part had been read, on the same clock
	pieces    [parts]piece
}

const entrySize = uint32(unsafe.Sizeof(entry{}))

// A piece is where a part lies in its entry.
type piece struct {
	offset uint32
	length int32 // 0 if it was not to be read, or the negative error number
}

// bytes are what was read of a part.
func (e *entry) bytes(part int) []byte {
	p := e.pieces[part]
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(e), p.offset)), max(0, p.length))
}

// vague reports whether status shows a name that does not say which program runs: one
// of the length at which the kernel cuts, that of a path such as /proc/self/exe, or the
// number of a descriptor. Status begins with "Name:", a tab, the name and a line break; in
// the name the kernel writes a line break and a backslash as two characters.
//
//go:nosplit
func (e *entry) vague() bool {
	const begin = int32(len("Name:\t"))
	status := unsafe.Add(unsafe.Pointer(e), e.pieces[partStatus].offset)
	n, number := int32(0), true
	for i := begin; i < e.pieces[partStatus].length; i++ {
		c := *(*byte)(unsafe.Add(status, i))
		if c == '\n' {
			name := unsafe.Add(status, begin)
			return n == cnproc.CommLen-1 || n > 0 && number || n == 3 && *(*[3]byte)(name) == [3]byte{'e', 'x', 'e'}
		}
		if c == '\\' {
			i++
		}
		n++
		number = number && c >= '0' && c <= '9'
	}
	return false
}

// newRing makes a ring for entries of at most so many bytes.
func newRing(longest uint32) (*ring, error) {
	size := uint32(minRing)
	for size < 16*longest {
		size *= 2
	}
	memory, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("allocating %d KiB: %w", size>>10, os.NewSyscallError("mmap", err))
	}
	// A huge page would be there whole, however little of it is used. Some kernels have none.
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE) //nolint:errcheck // it is no more than a wish
	return &ring{memory: memory, size: size, longest: longest, calm: max(minCalm, 4*longest)}, nil
}

// at returns the entry at a position.
//
//go:nosplit
func (r *ring) at(position uint32) *entry {
	return (*entry)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.memory)), position&(r.size-1)))
}

//go:nosplit
func (r *ring) load() (head, tail uint32) {
	ends := atomic.LoadUint64(&r.ends)
	return uint32(ends >> 32), uint32(ends)
}

// reserve returns where the catcher may write the next entry, or nil when there is no room.
//
//go:nosplit
func (r *ring) reserve() *entry {
	head, tail := r.load()
	rest := r.size - head&(r.size-1)
	if head == tail && r.size-rest > r.calm {
		// There is no need to go through all of it: that would only make more memory resident.
		head += rest
		atomic.StoreUint64(&r.ends, uint64(head)<<32|uint64(head))
		return r.at(head)
	}
	if rest >= r.longest { // an entry lies in one piece
		rest = 0
	}
	if head+rest+r.longest-tail > r.size {
		return nil
	}
	if rest > 0 {
		padding := r.at(head)
		padding.size, padding.taken = rest, 1
		r.publish(padding)
	}
	return r.at(head + rest)
}

// publish hands over the entry that was reserved.
//
//go:nosplit
func (r *ring) publish(e *entry) { atomic.AddUint64(&r.ends, uint64(e.size)<<32) }

const (
	// staleAfter is how much older than the event that is looked for an entry
	// must be to be given up: its own event was lost, or looked for too early.
	// Events of different CPUs are out of order by far less.
	staleAfter = 100_000_000
	// searched bounds how many entries are looked at.
	searched = 1024
)

// find returns the entry for an event and marks it as taken, or nil. It is valid until
// freeBefore is called. Both are the receiver's.
func (r *ring) find(pid int32, timestamp uint64) *entry {
	r.freeBefore(timestamp - min(timestamp, staleAfter))
	head, at := r.load()
	for n := 0; at != head && n < searched; n++ {
		e := r.at(at)
		if e.taken == 0 && e.timestamp == timestamp && e.pid == pid {
			e.taken = 1
			return e
		}
		at += e.size
	}
	return nil
}

// freeBefore gives back the room of what was taken, and of what is older than a time.
func (r *ring) freeBefore(timestamp uint64) {
	for {
		head, tail := r.load()
		first := tail
		for tail != head {
			e := r.at(tail)
			if e.taken == 0 && e.timestamp >= timestamp {
				break
			}
			tail += e.size
		}
		if tail == first || atomic.CompareAndSwapUint64(&r.ends, uint64(head)<<32|uint64(first), uint64(head)<<32|uint64(tail)) {
			return
		}
	}
}

// A Record is what was read of a process after an exec. Its slices are copies,
// valid until the next Take of the same Loop.
type Record struct {
	// ReadAt is when the last of it had been read, on the clock of events.
	ReadAt uint64
	// Cmdline is the arguments, each ended by a NUL. It is empty when the process
	// had ended, or was loading another program.
	Cmdline []byte
	Status  []byte // the beginning; empty when the process had ended and was waited for
	Exe     []byte
	Cwd     []byte
	Cgroup  []byte
	// Denied means that the kernel refused to tell Exe or Cwd.
	Denied bool
}

// Take fills r with what was read of an exec: of the process with that id, reported with
// that timestamp. It returns false when the loop has not come to it, in time or at all.
// Each can be taken once.
func (l *Loop) Take(pid int32, timestamp uint64, r *Record) bool {
	e := l.ring.find(pid, timestamp)
	if e == nil {
		return false
	}
	*r = Record{ReadAt: cnproc.EventTime(e.readAt), Denied: e.denied(partExe) || e.denied(partCwd)}
	buf := l.buf[:0]
	for part, field := range [parts]*[]byte{&r.Cmdline, &r.Status, &r.Exe, &r.Cwd, &r.Cgroup} {
		begin := len(buf)
		buf = append(buf, e.bytes(part)...)
		*field = buf[begin:]
	}
	l.buf = buf
	l.ring.freeBefore(0)
	return true
}

func (e *entry) denied(part int) bool {
	length := e.pieces[part].length
	return length == -int32(unix.EACCES) || length == -int32(unix.EPERM)
}
