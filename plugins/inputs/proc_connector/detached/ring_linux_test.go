package detached

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const longestEntry = 8 << 10

func openRing(t *testing.T) *ring {
	t.Helper()
	r, err := newRing(longestEntry)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(r.memory)) })
	return r
}

// leave does what a catcher does.
func leave(r *ring, pid int32, timestamp uint64, cmdline []byte) bool {
	e := r.reserve()
	if e == nil {
		return false
	}
	*e = entry{
		size:      (entrySize + uint32(len(cmdline)) + entryAlign - 1) &^ (entryAlign - 1),
		pid:       pid,
		timestamp: timestamp,
		readAt:    timestamp + 1,
		pieces:    [parts]piece{partCmdline: {entrySize, int32(len(cmdline))}, partExe: {length: -int32(unix.EACCES)}},
	}
	copy(e.bytes(partCmdline), cmdline)
	r.publish(e)
	return true
}

// Whatever is left and taken in between, what is found is what was left under that
// name, for as long as the receiver keeps up and also when it does not.
func TestRing(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := openRing(t)
		type left struct {
			pid       int32
			timestamp uint64
			cmdline   []byte
		}
		var waiting []left
		taken, refused, clock := 0, 0, uint64(1)<<40
		backlog := 1 + rnd.IntN(3000)
		for n := range 5_000 {
			clock += uint64(rnd.IntN(50_000))
			l := left{pid: int32(n), timestamp: clock, cmdline: bytes.Repeat([]byte{byte(n)}, 1+rnd.IntN(4000))}
			if leave(r, l.pid, l.timestamp, l.cmdline) {
				waiting = append(waiting, l)
			} else {
				refused++
				backlog = 1
			}
			for len(waiting) > backlog {
				// Nearly in order, as events of different CPUs come.
				i := min(rnd.IntN(4), len(waiting)-1)
				l := waiting[i]
				waiting = append(waiting[:i], waiting[i+1:]...)
				e := r.find(l.pid, l.timestamp)
				require.NotNil(t, e)
				require.Equal(t, l.cmdline, e.bytes(partCmdline))
				r.freeBefore(0)
				require.Nil(t, r.find(l.pid, l.timestamp), "each is taken once")
				taken++
			}
		}
		require.Positive(t, taken)
		// What still waits is all there, and nothing else.
		for _, l := range waiting {
			e := r.find(l.pid, l.timestamp)
			require.NotNil(t, e)
			require.Equal(t, l.cmdline, e.bytes(partCmdline))
			r.freeBefore(0)
		}
		head, tail := r.load()
		require.Equal(t, head, tail)
		t.Logf("%d taken, %d refused", taken, refused)
	}
}

// What nobody asks for does not stay in the way.
func TestRingForgets(t *testing.T) {
	r := openRing(t)
	clock := uint64(1) << 40
	for n := range 3 * searched {
		require.True(t, leave(r, int32(n), clock, []byte("a")))
	}
	clock += staleAfter + 1
	require.True(t, leave(r, 7, clock, []byte("b")))
	require.Nil(t, r.find(8, clock))
	require.Nil(t, r.find(7, clock+1))
	e := r.find(7, clock)
	require.NotNil(t, e)
	require.Equal(t, "b", string(e.bytes(partCmdline)))
	require.Nil(t, r.find(7, clock))
}

// While the receiver keeps up, little of the memory is used.
func TestRingStaysSmall(t *testing.T) {
	r := openRing(t)
	used := 0
	for n := range 100_000 {
		require.True(t, leave(r, int32(n), uint64(n), make([]byte, 600)))
		_, tail := r.load()
		position := int(tail & (r.size - 1))
		require.NotNil(t, r.find(int32(n), uint64(n)))
		r.freeBefore(0)
		used = max(used, position)
	}
	require.LessOrEqual(t, used, minCalm+longestEntry)
	require.Greater(t, used, minCalm/2)
}

// All of the memory is there for a storm, however much of it was used before.
func TestRingFull(t *testing.T) {
	r := openRing(t)
	for range 1000 {
		n := 0
		for leave(r, int32(n), uint64(n), make([]byte, 4000)) {
			n++
		}
		require.Greater(t, n, minRing/4096-10)
		for i := range n {
			require.NotNil(t, r.find(int32(i), uint64(i)), i)
			r.freeBefore(0)
		}
		require.True(t, leave(r, 1, 1, make([]byte, 600)))
		require.NotNil(t, r.find(1, 1))
		r.freeBefore(0)
	}
}

// A catcher and the receiver are at it at the same time, and the ring is empty again and
// again.
func TestRingShared(t *testing.T) {
	r := openRing(t)
	const entries = 200_000
	done := make(chan int)
	go func() {
		n := 0
		for n < entries {
			if leave(r, int32(n), uint64(n), []byte{byte(n)}) {
				n++
			} else {
				runtime.Gosched()
			}
		}
		done <- n
	}()
	for n := range entries {
		var e *entry
		for e = r.find(int32(n), uint64(n)); e == nil; e = r.find(int32(n), uint64(n)) {
			runtime.Gosched()
		}
		require.Equal(t, []byte{byte(n)}, e.bytes(partCmdline))
		r.freeBefore(0)
	}
	require.Equal(t, entries, <-done)
}

func TestVague(t *testing.T) {
	for name, vague := range map[string]bool{
		"fifteen-letters":   true,
		"fourteen-chars":    false,
		`thirteen-lett\n\\`: true,
		`twelve-lette\n\\`:  false,
		"exe":               true,
		"exf":               false,
		"7":                 true,
		"1234567890":        true,
		"7z":                false,
		"z7":                false,
		`7\n`:               false,
		"":                  false,
	} {
		status := "Name:\t" + name + "\nState:\tR (running)\n"
		for _, cut := range []int{len(status), len("Name:\t" + name), 3, 0} {
			r := openRing(t)
			require.True(t, leave(r, 1, 1, []byte(status[:cut])))
			e := r.find(1, 1)
			e.pieces[partStatus] = e.pieces[partCmdline]
			require.Equal(t, vague && cut == len(status), e.vague(), status[:cut])
		}
	}
}
