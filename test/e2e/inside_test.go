package e2e_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/testutil"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// inside returns the plugin as Telegraf makes it when it is compiled in.
func inside(t *testing.T) telegraf.ServiceInput {
	t.Helper()
	input, ok := inputs.Inputs["proc_connector"]().(*proc_connector.ProcConnector)
	require.True(t, ok)
	input.StateDirectory = state.Dir(t)
	models.SetLoggerOnPlugin(input, testutil.Logger{Name: "inputs.proc_connector", Quiet: true})
	require.NoError(t, input.Init())
	return input
}

// requireHears waits until the accumulator has the metric of an exec that happens
// now.
func requireHears(t *testing.T, acc *testutil.Accumulator) {
	t.Helper()
	accept := plugin.ExecOf(check.TrueOnce(t))
	check.Eventually(t, "the exec", stopLimit, func() bool {
		for _, m := range acc.GetTelegrafMetrics() {
			if accept(m) {
				return true
			}
		}
		return false
	})
}

func TestInside(t *testing.T) {
	l := listeners.Guard(t)
	input, acc := inside(t), new(testutil.Accumulator)
	require.NoError(t, input.Start(acc))
	l.Require(1)
	requireHears(t, acc)

	require.NoError(t, input.Gather(acc))
	listener, ok := acc.Get(plugin.Listener)
	require.True(t, ok)
	require.Equal(t, uint64(1), listener.Fields["listening"])
	counters, ok := acc.Get(plugin.Counters)
	require.True(t, ok)
	for _, field := range counterFields {
		require.IsType(t, uint64(0), counters.Fields[field], field)
	}

	input.Stop()
	l.Require(0)
	require.Error(t, input.Gather(acc))
	input.Stop()
	l.Require(0)

	// Nothing comes any more.
	acc.ClearMetrics()
	storm(t, 5)
	require.Empty(t, acc.GetTelegrafMetrics())
}

func TestInsideStopWithoutStart(t *testing.T) {
	l := listeners.Guard(t)
	input := inside(t)
	input.Stop()
	l.Require(0)
	require.Error(t, input.Gather(new(testutil.Accumulator)))

	require.NoError(t, input.Start(new(testutil.Accumulator)))
	l.Require(1)
	input.Stop()
	l.Require(0)
}

func TestInsideStartAgain(t *testing.T) {
	l := listeners.Guard(t)
	input := inside(t)
	for range 3 {
		acc := new(testutil.Accumulator)
		require.NoError(t, input.Start(acc))
		l.Require(1)
		require.Error(t, input.Start(acc), "it runs already")
		l.Require(1)
		requireHears(t, acc)
		input.Stop()
		l.Require(0)
	}
}

func TestInsideConcurrentStops(t *testing.T) {
	l := listeners.Guard(t)
	input, acc := inside(t), new(testutil.Accumulator)
	for range 10 {
		require.NoError(t, input.Start(acc))
		l.Require(1)
		var stops sync.WaitGroup
		begin := make(chan struct{})
		for range 8 {
			stops.Go(func() {
				<-begin
				input.Stop()
			})
		}
		close(begin)
		stops.Wait()
		l.Require(0)
	}
}

func TestInsideStopWhileGathering(t *testing.T) {
	l := listeners.Guard(t)
	input, acc := inside(t), new(testutil.Accumulator)
	require.NoError(t, input.Start(acc))
	l.Require(1)

	// Telegraf gathers from one goroutine, and may stop the plugin from another. It
	// fails as soon as the plugin has stopped.
	var gathered atomic.Int64
	var gathering sync.WaitGroup
	gathering.Go(func() {
		for input.Gather(acc) == nil {
			gathered.Add(1)
		}
	})
	storm(t, 20)
	check.Eventually(t, "a gather", stopLimit, func() bool { return gathered.Load() > 0 })
	input.Stop()
	l.Require(0)
	gathering.Wait()
}

func TestInsideTwice(t *testing.T) {
	l := listeners.Guard(t)
	first, second := inside(t), inside(t)
	firstAcc, secondAcc := new(testutil.Accumulator), new(testutil.Accumulator)
	require.NoError(t, first.Start(firstAcc))
	require.NoError(t, second.Start(secondAcc))
	l.Require(2)
	requireHears(t, firstAcc)
	requireHears(t, secondAcc)

	first.Stop()
	l.Require(1)
	requireHears(t, secondAcc)
	second.Stop()
	l.Require(0)
}

// A stop gives the count back before it waits for anybody, here for an
// accumulator that does not return.
func TestInsideBlockedAccumulator(t *testing.T) {
	l := listeners.Guard(t)
	input := inside(t)
	acc := &blockingAccumulator{entered: make(chan struct{}), leave: make(chan struct{})}
	require.NoError(t, input.Start(acc))
	l.Require(1)
	check.TrueOnce(t)
	<-acc.entered

	stopped := make(chan struct{})
	go func() {
		input.Stop()
		close(stopped)
	}()
	l.Require(0)
	select {
	case <-stopped:
		require.Fail(t, "Stop returned, and a metric is still on its way")
	default:
	}

	close(acc.leave)
	select {
	case <-stopped:
	case <-time.After(pace.Wait(5 * time.Second)):
		require.Fail(t, "Stop does not return")
	}
}

// blockingAccumulator does not return from its first metric until it is told to.
type blockingAccumulator struct {
	testutil.Accumulator
	once           sync.Once
	entered, leave chan struct{}
}

func (a *blockingAccumulator) AddMetric(telegraf.Metric) {
	a.once.Do(func() {
		close(a.entered)
		<-a.leave
	})
}

// panicEnv makes the test binary the program that TestInsidePanic is about.
const panicEnv = "PROC_CONNECTOR_TEST_PANIC"

const panicText = "the accumulator has had enough"

// panickingAccumulator panics in whichever goroutine brings a metric.
type panickingAccumulator struct {
	testutil.Accumulator
	armed atomic.Bool
}

func (a *panickingAccumulator) AddMetric(telegraf.Metric) {
	if a.armed.Load() {
		panic(panicText)
	}
}

// A panic ends the process, and nobody has called Stop.
func TestInsidePanic(t *testing.T) {
	if where := os.Getenv(panicEnv); where != "" {
		panicInside(t, where)
		return
	}
	for where, trace := range map[string]string{
		"emitting":  "proc_connector.(*emitter)",
		"gathering": "proc_connector.(*ProcConnector).Gather",
	} {
		t.Run(where, func(t *testing.T) {
			l := listeners.Guard(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestInsidePanic$")
			// A panic removes nothing, so what it leaves is put where this test's
			// directories are.
			cmd.Env = append(os.Environ(), panicEnv+"="+where, "TMPDIR="+t.TempDir())
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			l.Require(1)

			require.NoError(t, stdin.Close())
			err = cmd.Wait()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out.String())
			require.Equal(t, 2, exit.ExitCode(), out.String())
			require.Contains(t, out.String(), "panic: "+panicText)
			require.Contains(t, out.String(), trace)
			l.Require(0)
		})
	}
}

// panicInside is that program. It starts the plugin, and has the accumulator
// panic once standard input ends.
func panicInside(t *testing.T, where string) {
	t.Helper()
	input, acc := inside(t), new(panickingAccumulator)
	require.NoError(t, input.Start(acc))
	_, err := io.Copy(io.Discard, os.Stdin)
	require.NoError(t, err)

	if where == "gathering" {
		// An exec of another program must not come first.
		acc := new(panickingAccumulator)
		acc.armed.Store(true)
		require.NoError(t, input.Gather(acc))
	} else {
		acc.armed.Store(true)
		check.TrueOnce(t)
		time.Sleep(pace.Wait(10 * time.Second))
	}
	t.Fatal("The accumulator did not panic")
}
