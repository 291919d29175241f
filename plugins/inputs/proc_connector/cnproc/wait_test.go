package cnproc

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// newPipe returns a waiter that knows the reading end of a pipe, and both ends.
func newPipe(t *testing.T) (w *waiter, r, wr *os.File) {
	t.Helper()
	r, wr, err := os.Pipe()
	require.NoError(t, err)
	w, err = newWaiter()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.close()); r.Close(); wr.Close() })
	return w, r, wr
}

// Each wake ends a wait, however close to its beginning or its end it comes.
func TestWaitIsWoken(t *testing.T) {
	w, r, _ := newPipe(t)
	fd := int(r.Fd())
	require.NoError(t, w.add(fd))
	for range 20_000 {
		go func() { _ = w.wake() }() //nolint:errcheck // it is not closed
		heard, err := w.wait(fd, -1)
		require.NoError(t, err)
		require.False(t, heard)
	}
}

func TestWait(t *testing.T) {
	w, r, wr := newPipe(t)
	fd := int(r.Fd())
	require.NoError(t, w.add(fd))
	start := time.Now()
	heard, err := w.wait(fd, 20*time.Millisecond)
	require.NoError(t, err)
	require.False(t, heard)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)

	require.NoError(t, w.wake())
	heard, err = w.wait(fd, -1)
	require.NoError(t, err)
	require.False(t, heard, "it was woken before")

	_, err = wr.WriteString("x")
	require.NoError(t, err)
	heard, err = w.wait(fd, -1)
	require.NoError(t, err)
	require.True(t, heard)

	// With nobody at the other end there is nothing to read, and nothing to wait for.
	_, err = unix.Read(fd, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, wr.Close())
	_, err = w.wait(fd, -1)
	require.ErrorContains(t, err, "on the socket")
}
