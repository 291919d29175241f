package balance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// Others send an IGNORE too many while two listen: both go on hearing, and nothing
// shows it. The plugin's own IGNORE would deafen the bystander.
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
	k.require(1)
	b.requireHears("after the stop")
	requireWarnings(t, p, logMended)
}

// Two of three are left: the count that was right for them is two too low.
func TestPartialPoisonWithTwoBystanders(t *testing.T) {
	k := alone(t)
	first, second := enter(t), enter(t)
	p := plugin.Start(t)
	k.require(3)

	k.set(1)
	requireHears(t, p)
	stop(t, p)
	k.require(2)
	first.requireHears("after the stop")
	second.requireHears("after the stop")
	requireWarnings(t, p, tooLow(2))

	first.leave()
	second.requireHears("when the other one has gone")
}

// The plugin's LISTEN lifts the count that the bystander's was taken from: it hears
// again as long as the plugin runs, and afterwards too.
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
	k.require(1)
	b.requireHears("after the stop")
	requireWarnings(t, p, logMended)
}

// The bystander leaves at the same time, as programs do when a machine is shut
// down: it must not be made up for twice.
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
// of its socket. It cannot be told from one that was left deaf, so the count errs
// upwards.
func TestBystanderLeavesSlowly(t *testing.T) {
	k := alone(t)
	b := enter(t)
	p := plugin.Start(t)
	k.require(2)
	b.gone = true
	require.NoError(t, b.conn.Send(rawlisten.Ignore))
	stop(t, p)
	require.NoError(t, b.conn.Close())
	k.require(1)
	requireWarnings(t, p, tooLow(1))
	require.NoError(t, rawlisten.Lower())
}
