package truecount_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

// A reader that looked at the wrong four bytes would not see them move.
func TestReadFollowsTheKernel(t *testing.T) {
	truecount.Guard(t)

	r, err := truecount.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	t.Logf("Reading by %s", r.Method())
	require.Contains(t, []string{"kcore", "bpf"}, r.Method())

	const listeners = 3
	before, err := r.Read()
	require.NoError(t, err)
	for i := range int32(listeners) {
		c, err := rawlisten.Dial()
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })

		require.NoError(t, c.Send(rawlisten.Listen))
		t.Cleanup(func() { require.NoError(t, c.Send(rawlisten.Ignore)) })

		got, err := r.Read()
		require.NoError(t, err)
		require.Equal(t, before+i+1, got)
	}
}
