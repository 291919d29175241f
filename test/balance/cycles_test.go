package balance_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

const (
	cycles     = 200
	cyclesSlow = 20 // where a program takes many times as long
	// latestKill is the latest moment after its start at which a plugin is killed.
	latestKill = 300 * time.Millisecond
)

func scaled(n, slow int) int {
	if pace.Limit(1) > 1 {
		return slow
	}
	return n
}

// TestCycles starts plugins one after the other, kills each fifth, and a bystander
// hears all the time.
func TestCycles(t *testing.T) {
	k := alone(t)
	b := enter(t)
	c := &cycle{t: t, kernel: k, bystander: b, dir: state.Dir(t), recoveries: slices.Collect(maps.Values(recoveries))}
	seed := uint64(time.Now().UnixNano())
	c.random = rand.New(rand.NewPCG(seed, seed))
	n := scaled(cycles, cyclesSlow)
	t.Logf("%d cycles, seed %d", n, seed)
	began := time.Now()
	for c.number = range n {
		if c.number%5 == 4 {
			c.killed()
		} else {
			c.ended()
		}
		require.Equal(t, int32(1), k.count(), "cycle %d", c.number)
		b.requireHears("after a cycle")
	}
	t.Logf("%d cycles in %s: %d killed before their LISTEN, %d after it", n, time.Since(began), c.early, c.late)
	require.Positive(t, c.late, "none was killed while it listened")
	forget(t, k, b, c.dir, startAndStop)
}

type cycle struct {
	t          *testing.T
	kernel     *kernel
	bystander  *bystander
	dir        string
	recoveries []recovery
	random     *rand.Rand
	number     int

	// What became of those that were killed.
	early, late int
}

// ended is a cycle whose plugin is told to end.
func (c *cycle) ended() {
	c.t.Helper()
	p := plugin.Start(c.t, plugin.StateDir(c.dir))
	require.Equal(c.t, int32(2), c.kernel.count(), "cycle %d", c.number)
	if c.number%10 == 0 {
		requireHears(c.t, p)
	}
	if c.number%2 == 0 {
		p.Signal(syscall.SIGTERM)
	} else {
		p.CloseStdin()
	}
	check.Exited(c.t, 0, p.Wait(stopLimit))
	requireWarnings(c.t, p)
}

// killed is a cycle whose plugin is killed, more often early than late since there
// is more to hit.
func (c *cycle) killed() {
	c.t.Helper()
	after := c.random.Float64()
	moment := time.Duration(after * after * float64(pace.Limit(latestKill)))
	p := plugin.Start(c.t, plugin.StateDir(c.dir), plugin.NoWait())
	time.Sleep(moment)
	kill(c.t, p)

	switch listeners := c.kernel.count() - 1; listeners { // without the bystander
	case 0:
		c.early++
	case 1:
		c.late++
	default:
		require.Fail(c.t, "the count", "cycle %d, killed after %s: %d listeners", c.number, moment, listeners)
	}
	c.bystander.requireHears("when the plugin was killed")
	c.recoveries[(c.number/5)%len(c.recoveries)](c.t, c.dir)
}
