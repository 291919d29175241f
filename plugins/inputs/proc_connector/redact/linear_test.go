//go:build linux

package redact

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// work returns how long this thread ran to mask a line, whatever else the machine
// did meanwhile: the least of some times.
func work(t testing.TB, r *Redactor, line []byte, times int) time.Duration {
	t.Helper()
	now := func() time.Duration {
		var ts unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
		return time.Duration(ts.Nano())
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dst := make([]byte, 0, 4*longest)
	least := time.Hour
	for range times {
		begin := now()
		r.Append(dst, line)
		least = min(least, now()-begin)
	}
	return least
}

// requireLinear fails where a line takes far more than four times what a quarter of
// it takes: what is quadratic takes 16 times as long.
func requireLinear(t *testing.T, r *Redactor, line []byte, what string) {
	t.Helper()
	const ratio = 10
	few := 8 * time.Millisecond * time.Duration(len(line)) / longest
	// It ends as the line does, since one that was cut is read in another way, and a
	// secret at the end has all of it read twice.
	short := append(bytes.Clone(line[:len(line)/4]), line[len(line)-min(len(line)/4, 100):]...)
	for tries := 1; ; tries++ {
		all := work(t, r, line, tries)
		if all < few {
			return
		}
		quarter := work(t, r, short, tries)
		if all < ratio*quarter {
			return
		}
		if tries == 5 { // a neighbour on the same core costs time too
			require.Less(t, all, ratio*quarter, "%s", what)
			return
		}
	}
}

func TestLinear(t *testing.T) {
	r, err := New(nil)
	require.NoError(t, err)
	for _, lines := range []map[string][]byte{nasty(), nastier()} {
		for name, line := range lines {
			requireLinear(t, r, line, name)
		}
	}
}

// FuzzLinear looks for a line whose time is not linear: one that begins with head
// and goes on with part again and again.
func FuzzLinear(f *testing.F) {
	for _, head := range []string{"", "sh\x00-c\x00", "x\x00a://b?", `x\x00"`, "mysql\x00--set="} {
		for _, part := range []string{
			"token=id=", "?token=id=", "=x-api-key:id=", "password=  ", `a="b`, "<a b>", "auth('a',", "a:b@c", "sk-", "-----BEGIN PRIVATE KEY-----A",
		} {
			f.Add([]byte(head), []byte(part))
		}
	}
	r, err := New(nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, head, part []byte) {
		// A quarter of the longest line is enough to see it, and leaves time for more.
		const length = longest / 4
		if len(part) == 0 || len(head)+len(part) > length/16 {
			return
		}
		line := append(append(bytes.Clone(head), bytes.Repeat(part, length/len(part))...), 0)
		requireLinear(t, r, line, string(head)+" "+string(part))
	})
}
