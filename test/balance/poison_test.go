package balance_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// poisons are counts to which other programs bring the kernel. Each LISTEN of an
// honest program that is below them is swallowed.
var poisons = []int32{0, -1, -3, -100}

func forEachPoison(t *testing.T, test func(t *testing.T, k *kernel, b *bystander, honest, poison int32)) {
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
	forEachPoison(t, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
		if poison == 0 {
			t.Skip("Nobody is silenced yet: see TestPartialPoisonBeforeStart")
		}
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
	forEachPoison(t, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
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
	forEachPoison(t, func(t *testing.T, k *kernel, b *bystander, honest, poison int32) {
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

const (
	// deepest takes more LISTENs to mend than the plugin sends in one go, which
	// are onceMax.
	deepest = -3000
	onceMax = 1024
)

// So many LISTENs take time, and a gather must not take too much of it.
func TestDeepPoison(t *testing.T) {
	k := alone(t)
	k.set(deepest)
	began := time.Now()
	p := plugin.Start(t)
	require.Less(t, time.Since(began), pace.Limit(deepLimit))
	require.EqualValues(t, deepest+1+onceMax, k.count(), "bounded")
	require.Len(t, check.Warnings(p.Stderr()), 1)
	require.Contains(t, check.Warnings(p.Stderr())[0], logSilenced+" and 1024 LISTENs have not mended it")

	requireDeaf(t, p) // a gather
	require.EqualValues(t, deepest+1+2*onceMax, k.count(), "bounded")
	require.Len(t, check.Warnings(p.Stderr()), 1, "it was said before")

	began = time.Now()
	requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "repairs": -deepest})
	require.Less(t, time.Since(began), pace.Limit(deepLimit))
	k.require(1)
	requireHears(t, p)
	warnings, errors := check.Warnings(p.Stderr()), check.Errors(p.Stderr())
	require.Len(t, warnings, 2, p.Stderr())
	require.Contains(t, warnings[1], logMended)
	require.Len(t, errors, 1, p.Stderr())
	require.Contains(t, errors[0], logDeaf)

	stop(t, p)
	k.require(0)
}
