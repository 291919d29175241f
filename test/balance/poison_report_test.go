package balance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// reportOnly starts the plugin so that it mends nothing.
func reportOnly(t *testing.T) *plugin.Process {
	t.Helper()
	return plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "repair = false")))
}

// requireReported fails the test unless the plugin has said just once that it is
// deaf, and just once that it could not gather.
func requireReported(t *testing.T, p *plugin.Process) {
	t.Helper()
	warnings, errors := check.Warnings(p.Stderr()), check.Errors(p.Stderr())
	require.Len(t, warnings, 1, p.Stderr())
	require.Contains(t, warnings[0], logSilenced)
	require.Contains(t, warnings[0], "Not repaired, because repair = false")
	require.Len(t, errors, 1, p.Stderr())
	require.Contains(t, errors[0], logDeaf)
}

func TestReportOnlyBeforeStart(t *testing.T) {
	forEachPoison(t, poisonsBefore, func(t *testing.T, k *kernel, _ *bystander, honest, poison int32) {
		k.set(poison)
		p := reportOnly(t)
		for range 3 {
			requireDeaf(t, p)
		}
		requireListener(t, p.Gather(), fields{"listens": 1, "deaf": 1, "repairs": 0})
		k.require(poison + 1)

		stop(t, p)
		k.require(poison)
		requireReported(t, p)
		k.set(honest)
	})
}

func TestReportOnlyWhileRunning(t *testing.T) {
	forEachPoison(t, poisons, func(t *testing.T, k *kernel, _ *bystander, honest, poison int32) {
		p := reportOnly(t)
		requireHears(t, p)
		k.require(honest + 1)

		k.set(poison)
		for range 3 {
			requireDeaf(t, p)
		}
		requireListener(t, p.Gather(), fields{"listens": 1, "deaf": 1, "repairs": 0})
		require.Equal(t, poison, k.count())
		require.False(t, p.Ended())

		stop(t, p)
		k.require(poison - 1)
		requireReported(t, p)
		k.set(honest)
	})
}

// Somebody else brings the count up again.
func TestReportOnlyRecovers(t *testing.T) {
	withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
		p := reportOnly(t)
		for i := range int64(3) {
			k.set(-1)
			requireDeaf(t, p)
			k.set(honest + 1)
			requireListener(t, p.Gather(), fields{"listening": 1, "deaf": i + 1, "repairs": 0})
			requireHears(t, p)
			if b != nil {
				b.requireHears("when the count is right again")
			}
		}
		stop(t, p)
		k.require(honest)
		if b != nil {
			b.requireHears("after the stop")
		}
	})
}
