package balance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// ignoreTooMany is a program that sends n IGNOREs and has never listened. Before
// Linux 6.6 each of them counts. Since then the first operation of a socket, if
// it is IGNORE, does not, but behind an operation that the kernel does not know
// it does.
func ignoreTooMany(t *testing.T, k *kernel, n int) {
	t.Helper()
	perSocket, err := rawlisten.CountsPerSocket()
	require.NoError(t, err)
	before := k.count()
	c, err := rawlisten.Dial()
	require.NoError(t, err)
	defer c.Close()
	for range n {
		require.NoError(t, c.Send(rawlisten.Ignore))
	}
	if perSocket {
		require.Equal(t, before, k.count(), "an IGNORE without a LISTEN does nothing")
		for range n {
			require.NoError(t, c.Send(0))
			require.NoError(t, c.Send(rawlisten.Ignore))
		}
	}
	require.Equal(t, before-int32(n), k.count())
}

// The story that all this is about. A program that a plain listener cannot do
// anything about, and the plugin can.
func TestIgnoresTooMany(t *testing.T) {
	k := alone(t)
	ignoreTooMany(t, k, 3)
	for try := 1; try <= 4; try++ {
		// A plain listener is started again and again by its service manager, and
		// does not send IGNORE when it gives up.
		plain, err := rawlisten.Dial()
		require.NoError(t, err)
		require.NoError(t, plain.Send(rawlisten.Listen))
		acked := plain.Acked()
		heard, err := plain.Hears()
		require.NoError(t, err)
		require.NoError(t, plain.Close())
		require.Equal(t, try == 4, acked, "try %d", try)
		require.Equal(t, try == 4, heard, "try %d", try)
	}
	k.require(1) // the fourth has left without IGNORE
	k.set(0)

	ignoreTooMany(t, k, 3)
	began := time.Now()
	p := plugin.Start(t)
	requireHearsSince(t, p, began)
	k.require(1)

	ignoreTooMany(t, k, 3)
	missed := check.TrueOnce(t)
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 2, "repairs": 6})
	requireHears(t, p)
	require.Nil(t, p.Find(plugin.ExecOf(missed)))
	k.require(1)

	// From now on plain listeners work too.
	b := enter(t)
	b.requireHears("beside the plugin")
	stop(t, p)
	k.require(1)
	b.requireHears("after the stop")
	requireWarnings(t, p, tooLow(3), tooLow(3))
}
