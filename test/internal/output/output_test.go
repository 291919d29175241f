package output_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
)

func TestWait(t *testing.T) {
	o := output.New()
	_, err := o.Write([]byte("one two"))
	require.NoError(t, err)

	pos, err := o.Wait(0, "one", time.Second)
	require.NoError(t, err)
	require.Equal(t, 3, pos)

	_, err = o.Wait(pos, "one", time.Millisecond)
	require.ErrorContains(t, err, "not within")

	written := make(chan error)
	go func() {
		_, err := o.Write([]byte(" o"))
		if err == nil {
			_, err = o.Write([]byte("ne"))
		}
		written <- err
	}()
	pos, err = o.Wait(pos, "one", 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, len("one two one"), pos)
	require.NoError(t, <-written)
	require.Equal(t, " one", o.Since(len("one two")))
	require.Equal(t, pos, o.Len())
}

func TestWaitEndsWithTheProcess(t *testing.T) {
	o := output.New()
	_, err := o.Write([]byte("last words"))
	require.NoError(t, err)

	go o.End()
	_, err = o.Wait(0, "never", 10*time.Second)
	require.ErrorIs(t, err, output.ErrEnded)

	_, err = o.Wait(0, "last words", time.Second)
	require.NoError(t, err, "what came before the end counts")
}
