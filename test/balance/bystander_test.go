package balance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// bystander is another, honest program that listens: one LISTEN when it comes and
// one IGNORE when it goes. Nothing that the plugin does may deafen it.
type bystander struct {
	t    *testing.T
	conn *rawlisten.Conn
	gone bool
}

// enter has a bystander listen until the test ends.
func enter(t *testing.T) *bystander {
	t.Helper()
	conn, err := rawlisten.Dial()
	require.NoError(t, err)
	b := &bystander{t: t, conn: conn}
	t.Cleanup(b.leave)
	require.NoError(t, conn.Send(rawlisten.Listen))
	return b
}

// hears reports whether the bystander hears a canary of its own.
func (b *bystander) hears() bool {
	b.t.Helper()
	heard, err := b.conn.Hears()
	require.NoError(b.t, err)
	return heard
}

func (b *bystander) requireHears(when string) {
	b.t.Helper()
	require.True(b.t, b.hears(), "the bystander is deaf %s", when)
}

func (b *bystander) requireDeaf(when string) {
	b.t.Helper()
	require.False(b.t, b.hears(), "the bystander hears %s", when)
}

// leave is the honest end.
func (b *bystander) leave() {
	b.t.Helper()
	if b.gone {
		return
	}
	b.gone = true
	sent := b.conn.Send(rawlisten.Ignore)
	require.NoError(b.t, b.conn.Close())
	require.NoError(b.t, sent)
}

// withAndWithout runs a test on a machine of its own and on one with a bystander.
// honest is the count that honest programs leave there when the plugin has gone.
func withAndWithout(t *testing.T, test func(t *testing.T, k *kernel, b *bystander, honest int32)) {
	t.Helper()
	t.Run("alone", func(t *testing.T) {
		test(t, alone(t), nil, 0)
	})
	t.Run("bystander", func(t *testing.T) {
		k := alone(t)
		b := enter(t)
		b.requireHears("before anything has happened")
		test(t, k, b, 1)
	})
}
