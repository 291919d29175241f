package balance_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// deep is how far somebody brings the count down in a second who does nothing else.
const deep = 100_000

// lower brings the count from 0 or more down to -deep.
func (k *kernel) lower() {
	k.t.Helper()
	require.NoError(k.t, rawlisten.LowerBy(int(k.count())+deep))
	require.EqualValues(k.t, -deep, k.count())
}

// requireRepaired fails the test unless the plugin hears again in time, without being
// asked, and the count is what it should be.
func requireRepaired(t *testing.T, k *kernel, began time.Time, want int32) {
	t.Helper()
	check.Eventually(t, "the repair", deepLimit, func() bool { return k.count() >= want })
	took := time.Since(began)
	t.Logf("Repaired within %s", took.Round(time.Millisecond))
	require.Less(t, took, pace.Limit(deepLimit))
	k.require(want)
}

// Silence does not outlast its cause for long, however deep it is.
func TestDeepPoison(t *testing.T) {
	withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
		k.lower()
		began := time.Now()
		p := plugin.Start(t)
		require.Less(t, time.Since(began), pace.Limit(promptLimit))
		requireRepaired(t, k, began, honest+1)
		requireHears(t, p)
		depth := int64(deep + honest)
		requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "deaf_depth": depth, "repairs": depth})

		k.lower()
		began = time.Now()
		p.Gather()
		require.Less(t, time.Since(began), pace.Limit(promptLimit))
		requireRepaired(t, k, began, honest+1)
		requireHears(t, p)
		requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 2, "deaf_depth": depth + 1, "repairs": 2*depth + 1})
		if b != nil {
			b.requireHears("after the repairs")
		}

		stop(t, p)
		k.require(honest)
		if b != nil {
			b.requireHears("after the stop")
		}
	})
}

// A stop does not wait for a repair. What it has not repaired it has not made worse.
func TestStopDuringDeepPoison(t *testing.T) {
	for _, when := range []string{"start", "gather"} {
		t.Run(when, func(t *testing.T) {
			k := alone(t)
			var p *plugin.Process
			if when == "start" {
				k.lower()
				p = plugin.Start(t, plugin.NoWait())
			} else {
				p = plugin.Start(t)
				requireHears(t, p)
				k.lower()
				p.Ask()
			}
			check.Eventually(t, "the repair", startLimit, func() bool { return k.count() > -deep+2 })
			began := time.Now()
			p.Signal(syscall.SIGTERM)
			check.Exited(t, 0, p.Wait(promptLimit))
			require.Less(t, time.Since(began), pace.Limit(promptLimit))
			require.LessOrEqual(t, k.count(), int32(0))
			require.Greater(t, k.count(), int32(-deep))
			k.set(0)
		})
	}
}
