package balance_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// Counts to which other programs bring the kernel. Below zero, the next LISTENs are
// swallowed.
var (
	poisons       = []int32{0, -1, -3, -100}
	poisonsBefore = poisons[1:] // a start: nothing is wrong with 0 then
)

func forEachPoison(t *testing.T, poisons []int32, test func(t *testing.T, k *kernel, b *bystander, honest, poison int32)) {
	t.Helper()
	for _, poison := range poisons {
		t.Run(strconv.Itoa(int(poison)), func(t *testing.T) {
			withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
				test(t, k, b, honest, poison)
			})
		})
	}
}

// tooLow is how the plugin says by how much the count was too low.
func tooLow(n int32) string { return fmt.Sprintf("%s%d too low: ", logMended, n) }

func TestPoisonBeforeStart(t *testing.T) {
	forEachPoison(t, poisonsBefore, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
		k.set(poison)
		began := time.Now()
		p := plugin.Start(t)
		requireHearsSince(t, p, began)
		k.require(honest + 1)

		// One LISTEN of ours came before, and one of the bystander's is replaced.
		raised := honest - poison
		requireListener(t, p.Gather(), fields{
			"listening": 1, "listens": 1, "deaf": 1, "repairs": int64(raised), "ignores": 0, "released": 0,
		})
		requireWarnings(t, p, tooLow(raised))
		if b != nil {
			b.requireHears("after the start")
		}

		stop(t, p)
		k.require(honest)
		if b != nil {
			b.requireHears("after the stop")
		}
		requireWarnings(t, p, logMended)
	})
}

func TestPoisonWhileRunning(t *testing.T) {
	forEachPoison(t, poisons, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
		p := plugin.Start(t)
		k.require(honest + 1)
		requireHears(t, p)

		k.set(poison)
		missed := check.TrueOnce(t)
		raised := honest + 1 - poison
		requireListener(t, p.Gather(), fields{"listening": 1, "listens": 1, "deaf": 1, "repairs": int64(raised)})
		require.Equal(t, honest+1, k.count(), "after one gather")
		if b != nil {
			b.requireHears("after the gather")
		}
		requireHears(t, p)
		require.Nil(t, p.Find(plugin.ExecOf(missed)))

		// Nothing is mended twice.
		requireListener(t, p.Gather(), fields{"listening": 1, "listens": 1, "deaf": 1, "repairs": int64(raised)})
		k.require(honest + 1)
		requireWarnings(t, p, tooLow(raised))

		stop(t, p)
		k.require(honest)
		if b != nil {
			b.requireHears("after the stop")
		}
		requireWarnings(t, p, logMended)
	})
}

// Nobody has gathered between the poison and the stop.
func TestPoisonAndStop(t *testing.T) {
	forEachPoison(t, poisons, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
		p := plugin.Start(t)
		k.require(honest + 1)

		k.set(poison)
		stop(t, p)
		k.require(honest)
		if b != nil {
			b.requireHears("after the stop")
		}
		requireWarnings(t, p, tooLow(honest+1-poison))
	})
}

// The same again and again: each time is noticed, mended and said.
func TestPoisonEachTime(t *testing.T) {
	withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
		p := plugin.Start(t)
		const times = 5
		warnings := make([]string, 0, times)
		repairs := int64(0)
		for i := range int32(times) {
			k.set(-i)
			raised := honest + 1 + i
			repairs += int64(raised)
			warnings = append(warnings, tooLow(raised))
			requireListener(t, p.Gather(), fields{"listening": 1, "deaf": int64(i) + 1, "repairs": repairs})
			require.Equal(t, honest+1, k.count())
			requireHears(t, p)
			if b != nil {
				b.requireHears("after the gather")
			}
		}
		stop(t, p)
		k.require(honest)
		requireWarnings(t, p, warnings...)
	})
}
