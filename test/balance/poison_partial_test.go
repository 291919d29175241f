package balance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// Others send an unmatched IGNORE while two listen: both go on hearing, and nothing
// shows it. When the plugin has gone the bystander is deaf, which is not the plugin's
// doing: it has taken back just what it had sent.
func TestPartialPoisonWhileRunning(t *testing.T) {
	k := alone(t)
	b := enter(t)
	p := plugin.Start(t)
	k.require(2)

	k.set(1)
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 0, "repairs": 0})
	requireHears(t, p)
	b.requireHears("as long as both listen")

	stop(t, p)
	k.require(0)
	requireWarnings(t, p)
	k.set(1)
}

// Two of three are left: the count that was right for them is two too low, and only
// somebody who listens when it has come to zero can know.
func TestPartialPoisonWithTwoBystanders(t *testing.T) {
	k := alone(t)
	first, second := enter(t), enter(t)
	p := plugin.Start(t)
	k.require(3)

	k.set(1)
	requireHears(t, p)
	first.leave()
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "repairs": 2})
	k.require(2)
	stop(t, p)
	k.require(1)
	second.requireHears("when the others have gone")
	requireWarnings(t, p, tooLow(2))
}

// The plugin's LISTEN lifts the count that the bystander's was taken from: it hears
// again as long as the plugin runs.
func TestPartialPoisonBeforeStart(t *testing.T) {
	k := alone(t)
	b := enter(t)
	k.set(0)
	b.requireDeaf("with a count of 0")

	p := plugin.Start(t)
	requireHears(t, p)
	b.requireHears("after the start")
	requireListener(t, p.Gather(), fields{"listening": 1, "listens": 1})

	stop(t, p)
	k.require(0)
	requireWarnings(t, p)
	k.set(1)
}

// The bystander leaves at the same time, as programs do when a machine is shut
// down: it must not be made up for.
func TestPartialPoisonAndAllLeave(t *testing.T) {
	k := alone(t)
	b := enter(t)
	p := plugin.Start(t)
	k.set(1)
	b.leave() // the kernel counts 0 now, and the plugin is deaf
	k.require(0)

	stop(t, p)
	k.require(0)
	requireWarnings(t, p, tooLow(1))
}

// Nothing is wrong, but the bystander takes its time between its IGNORE and the end
// of its socket: it looks like one that was left deaf.
func TestBystanderLeavesSlowly(t *testing.T) {
	k := alone(t)
	b := enter(t)
	p := plugin.Start(t)
	k.require(2)
	b.gone = true
	require.NoError(t, b.conn.Send(rawlisten.Ignore))
	stop(t, p)
	require.NoError(t, b.conn.Close())
	k.require(0)
	requireWarnings(t, p)
}
