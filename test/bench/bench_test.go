package bench

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// One small round of everything that is not about time, so that the benchmark
// works when somebody wants to know.
func TestSmallRound(t *testing.T) {
	l := listeners.Guard(t)
	compiler := strings.TrimSpace(string(repo.Go(t, repo.Root(t), "env", "CC")))
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("The storms are written in C: %v", err)
	}

	const count, starts = 300, 50
	result, err := Run(t.Context(), Options{
		Rounds:    1,
		Storms:    []string{"comm", "comm-asleep", "fork", "exec-static-4", "thread"},
		Receivers: []string{floorKey, "mdlayher", pluginKey},
		Parts:     []string{PartStorms},
		Progress:  io.Discard,
		sizes:     &sizes{renames: count, forks: count, threads: count, execs: starts},
	})
	require.NoError(t, err)
	l.Require(0)

	seen := 0
	for _, run := range result.runs {
		require.Len(t, run.samples, 1)
		s := run.samples[0]
		name := run.storm.Key + " " + run.receiver.Key
		if run.storm.execs() {
			require.Equal(t, 4*starts, s.execs, name)
			require.Equal(t, 3*4*starts, s.sent, name)
			require.Equal(t, s.lacking(), s.unresolved, name)
		} else {
			require.Equal(t, count*len(run.storm.kinds), s.sent, name)
		}
		require.Zero(t, s.left, name)
		require.Positive(t, s.cpu, name)
		require.Positive(t, s.peak, name)
		if run.receiver.Key != "mdlayher" { // which may lose some, with a small buffer
			require.Zero(t, s.lost, name)
		}
		if !run.unasked() {
			require.Positive(t, s.kept, name)
		}
		seen++
	}
	require.Equal(t, 4*3+1, seen, "storms without command lines, with three receivers")
	require.NoError(t, result.Markdown(io.Discard))
}

// What is asked for and does not exist is told, with what there is.
func TestUnknown(t *testing.T) {
	b := &bench{Options: Options{Storms: []string{"rain"}}}
	require.ErrorContains(t, b.choose(t.Context()), `no storm "rain": there are comm, `)
	b = &bench{Options: Options{Receivers: []string{"nobody"}}}
	require.ErrorContains(t, b.choose(t.Context()), `no receiver "nobody": there are floor, `)
	_, err := Run(t.Context(), Options{Rounds: 1, Parts: []string{"all"}})
	require.ErrorContains(t, err, `no part "all"`)
	_, err = Run(t.Context(), Options{})
	require.ErrorContains(t, err, "rounds are 0")
}

func TestProcessorTime(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	require.NoError(t, err)
	rounds := 0
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; {
		rounds++
	}
	require.Positive(t, rounds)
	after, err := cpuTime(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before)

	cmd := exec.CommandContext(context.Background(), "true")
	require.NoError(t, cmd.Run())
	_, err = cpuTime(cmd.Process.Pid)
	require.Error(t, err, "it has ended")
}
