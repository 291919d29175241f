package telegraf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOutputWait(t *testing.T) {
	o := newOutput()
	_, err := o.Write([]byte("one two"))
	require.NoError(t, err)

	pos, err := o.wait(0, "one", time.Second)
	require.NoError(t, err)
	require.Equal(t, 3, pos)

	_, err = o.wait(pos, "one", time.Millisecond)
	require.ErrorContains(t, err, "not within")

	written := make(chan error)
	go func() {
		_, err := o.Write([]byte(" o"))
		if err == nil {
			_, err = o.Write([]byte("ne"))
		}
		written <- err
	}()
	pos, err = o.wait(pos, "one", 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, len("one two one"), pos)
	require.NoError(t, <-written)
	require.Equal(t, " one", o.since(len("one two")))
	require.Equal(t, pos, o.len())
}

func TestOutputWaitEndsWithTheProcess(t *testing.T) {
	o := newOutput()
	_, err := o.Write([]byte("last words"))
	require.NoError(t, err)

	go o.close()
	_, err = o.wait(0, "never", 10*time.Second)
	require.ErrorIs(t, err, errEnded)

	_, err = o.wait(0, "last words", time.Second)
	require.NoError(t, err, "what came before the end counts")
}
