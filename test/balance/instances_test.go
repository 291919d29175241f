package balance_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/testutil"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// inside is the plugin as Telegraf makes it when it is compiled in: in this process.
type inside struct {
	*proc_connector.ProcConnector
	acc     *testutil.Accumulator
	running bool
}

func newInside(t *testing.T, dir string) *inside {
	t.Helper()
	input, ok := inputs.Inputs["proc_connector"]().(*proc_connector.ProcConnector)
	require.True(t, ok)
	input.StateDirectory = dir
	models.SetLoggerOnPlugin(input, testutil.Logger{Name: "inputs.proc_connector", Quiet: true})
	require.NoError(t, input.Init())
	t.Cleanup(input.Stop)
	return &inside{ProcConnector: input, acc: new(testutil.Accumulator)}
}

func (i *inside) requireHears(t *testing.T) {
	t.Helper()
	accept := plugin.ExecOf(check.TrueOnce(t))
	check.Eventually(t, "the exec", hearLimit, func() bool {
		for _, m := range i.acc.GetTelegrafMetrics() {
			if accept(m) {
				return true
			}
		}
		return false
	})
	i.acc.ClearMetrics()
}

const (
	instances     = 5 // programs
	instanceSteps = 120
	stepsSlow     = 40 // where a program takes many times as long
)

// fleet is several plugins that share a directory of leases. Programs may be killed.
type fleet struct {
	t       *testing.T
	kernel  *kernel
	dir     string
	random  *rand.Rand
	program [instances]*plugin.Process // nil: does not run
	inside  [2]*inside
	orphans int // killed since the last start
}

// TestInstances starts, stops and kills several plugins at random, and knows after
// each step what the count must be: those that run, those that were killed since
// the last start, and a bystander.
func TestInstances(t *testing.T) {
	k := alone(t)
	b := enter(t)
	seed := uint64(time.Now().UnixNano())
	f := &fleet{t: t, kernel: k, dir: state.Dir(t), random: rand.New(rand.NewPCG(seed, seed))}
	t.Logf("seed %d", seed)
	for i := range f.inside {
		f.inside[i] = newInside(t, f.dir)
	}
	for range scaled(instanceSteps, stepsSlow) {
		f.step()
		require.Equal(t, f.want(), k.settle(f.want()))
		b.requireHears("after a step")
	}

	// The last start gives back the last orphans.
	f.inside[0].Stop()
	require.NoError(t, f.inside[0].Start(f.inside[0].acc))
	f.inside[0].running = true
	f.orphans = 0
	require.Equal(t, f.want(), k.settle(f.want()))
	for _, p := range f.program {
		if p != nil {
			requireHears(t, p)
			stop(t, p)
			requireWarnings(t, p)
		}
	}
	for _, i := range f.inside {
		i.Stop()
	}
	k.require(1)
	b.requireHears("when all have stopped")
	require.Empty(t, leases(t, f.dir))
}

func (f *fleet) want() int32 {
	want := 1 + f.orphans
	for _, p := range f.program {
		if p != nil {
			want++
		}
	}
	for _, i := range f.inside {
		if i.running {
			want++
		}
	}
	return int32(want)
}

func (f *fleet) step() {
	f.t.Helper()
	n := f.random.IntN(instances + len(f.inside))
	if n >= instances {
		i := f.inside[n-instances]
		if i.running {
			i.requireHears(f.t)
			i.Stop()
		} else {
			require.NoError(f.t, i.Start(i.acc))
			f.orphans = 0
		}
		i.running = !i.running
		return
	}
	switch p := f.program[n]; {
	case p == nil:
		f.program[n] = plugin.Start(f.t, plugin.StateDir(f.dir))
		f.orphans = 0
	case f.random.IntN(3) == 0:
		kill(f.t, p)
		f.program[n] = nil
		f.orphans++
	default:
		requireHears(f.t, p)
		stop(f.t, p)
		requireWarnings(f.t, p)
		f.program[n] = nil
	}
}

// Those that start at the same time must not give the same orphan back twice, nor
// each other's LISTEN. They keep each other from the leases, and see the group change:
// what they therefore leave alone is given back later.
func TestManyStartAtOnce(t *testing.T) {
	for range scaled(3, 1) {
		k := alone(t)
		b := enter(t)
		dir := killed(t, k, 5)
		programs := make([]*plugin.Process, instances)
		for i := range programs {
			programs[i] = plugin.Start(t, plugin.StateDir(dir), plugin.NoWait())
		}
		released := int64(0)
		for _, p := range programs {
			p.WaitStderr("Listening to the process connector", startLimit)
			requireHears(t, p)
			released += plugin.Int(p.Gather().Listener, "released")
		}
		t.Logf("%d of 5 were given back", released)
		k.require(1 + instances + 5 - int32(released))
		require.Len(t, leases(t, dir), instances+5-int(released))
		b.requireHears("when all have started")

		reconcile(t, dir)
		k.require(1 + instances)
		require.Len(t, leases(t, dir), instances)
		b.requireHears("when all were given back")

		stopAll(t, programs)
		k.require(1)
		b.requireHears("when all have stopped")
		require.Empty(t, leases(t, dir))
		b.leave()
	}
}

// stopAll tells all of them at once.
func stopAll(t *testing.T, programs []*plugin.Process) {
	t.Helper()
	for _, p := range programs {
		p.CloseStdin()
	}
	for _, p := range programs {
		check.Exited(t, 0, p.Wait(stopLimit))
	}
}

// An instance that is killed among living ones leaves its lease to the next start.
// The living do not touch it: they gather and repair all the same.
func TestKilledAmongLiving(t *testing.T) {
	k := alone(t)
	dir := state.Dir(t)
	living, dead := plugin.Start(t, plugin.StateDir(dir)), plugin.Start(t, plugin.StateDir(dir))
	kill(t, dead)
	for range 3 {
		requireListener(t, living.Gather(), fields{"listening": 1, "released": 0})
	}
	k.require(2)
	require.Len(t, leases(t, dir), 2)

	next := plugin.Start(t, plugin.StateDir(dir))
	requireListener(t, next.Gather(), fields{"listening": 1, "released": 1})
	k.require(2)
	stop(t, living)
	k.require(1)
	requireHears(t, next)
	stop(t, next)
	k.require(0)
	requireWarnings(t, living)
	requireWarnings(t, next)
}

const (
	concurrentTries     = 10
	concurrentTriesSlow = 3
)

// All find the connector silenced at the same time, and only one mends it. On a slow
// machine they may run out of patience with each other, and take the count too high.
func TestConcurrentRepairs(t *testing.T) {
	withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
		dir := state.Dir(t)
		programs := make([]*plugin.Process, 4)
		for i := range programs {
			programs[i] = plugin.Start(t, plugin.StateDir(dir))
		}
		running := honest + int32(len(programs))
		k.require(running)
		for try := range scaled(concurrentTries, concurrentTriesSlow) {
			k.set(-5)
			before := make([]int, len(programs))
			for i, p := range programs {
				before[i] = len(p.Metrics())
			}
			for _, p := range programs {
				p.Ask()
			}
			repairs := int64(0)
			for i, p := range programs {
				r := p.WaitReport(before[i])
				requireListener(t, r, fields{"listening": 1})
				repairs += plugin.Int(r.Listener, "repairs")
			}
			if slow := pace.Limit(1) > 1; slow {
				require.GreaterOrEqual(t, k.count(), running, "try %d", try)
				k.set(running)
			} else {
				require.Equal(t, running, k.count(), "try %d", try)
				require.EqualValues(t, (try+1)*int(running+5), repairs, "try %d", try)
			}
			for _, p := range programs {
				requireHears(t, p)
			}
			if b != nil {
				b.requireHears("after the repairs")
			}
		}
		stopAll(t, programs)
		k.require(honest)
		if b != nil {
			b.requireHears("when all have stopped")
		}
	})
}

// All are told to stop at once, and the connector was silenced, or nearly, since
// they last looked. One after the other they leave the count right. On a slow
// machine they may run out of patience with each other, and take it too high.
func TestConcurrentStopsAfterPoison(t *testing.T) {
	for _, poison := range []int32{-3, 0, 1, 2} {
		withAndWithout(t, func(t *testing.T, k *kernel, b *bystander, honest int32) {
			dir := state.Dir(t)
			programs := make([]*plugin.Process, 4)
			for i := range programs {
				programs[i] = plugin.Start(t, plugin.StateDir(dir))
			}
			k.require(honest + int32(len(programs)))
			k.set(poison)
			stopAll(t, programs)
			got := k.count()
			if slow := pace.Limit(1) > 1; slow {
				require.GreaterOrEqual(t, got, honest, "from %d", poison)
				k.set(honest)
			} else {
				require.Equal(t, honest, got, "from %d", poison)
			}
			if b != nil {
				b.requireHears("when all have stopped")
			}
		})
	}
}
