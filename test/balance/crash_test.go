package balance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// crashes are the moments at which the plugin is killed, between any two steps
// that concern the count. A bystander listens all the time, and honest programs
// would leave a count of 1.
var crashes = []struct {
	name  string
	point string // as cnproc calls it
	setup func(t *testing.T, k *kernel, dir string)
	die   func(t *testing.T, k *kernel, p *plugin.Process) // brings the point about; nil: the start does

	dead  int32 // the count when the plugin is dead
	low   int32 // what it is too low by in the end, because others have lowered it
	claim int   // leases that claim what is not there: they stay as long as the bystander
}{
	{name: "start: lease created", point: "lease created", dead: 1},
	{name: "start: lease written", point: "lease written", dead: 1, claim: 1},
	{name: "start: LISTEN sent", point: "LISTEN sent", dead: 2},
	{name: "start: LISTEN taken", point: "LISTEN taken", dead: 2},

	{name: "release: changed", point: "changed", setup: orphan, dead: 2, claim: 1},
	{name: "release: lowered", point: "lowered", setup: orphan, dead: 2, claim: 1},
	{name: "release: orphan removed", point: "orphan removed", setup: orphan, dead: 2},

	{name: "SIGTERM: IGNORE sent", point: "IGNORE sent", die: terminate, dead: 1, claim: 1},
	{name: "SIGTERM: lease removed", point: "lease removed", die: terminate, dead: 1},
	{name: "end of stdin: IGNORE sent", point: "IGNORE sent", die: closeStdin, dead: 1, claim: 1},
	{name: "end of stdin: lease removed", point: "lease removed", die: closeStdin, dead: 1},

	// Where others have taken more than they had, the bystander has lost its LISTEN,
	// and has in its place what the dead one has sent. When that was not enough, and
	// the next start lifts the count to one, nobody can know that it is too low.
	{name: "start: half mended", point: "raised", setup: poison(-3), dead: -1},
	{name: "start: mended", point: "raised", setup: poison(-1), dead: 1, claim: 1},
	{name: "start: too much taken back", point: "lowered to one", setup: poison(-2), dead: 1, claim: 1},
	{name: "start: bystander made up for", point: "changed", setup: poison(-1), dead: 2},
	{name: "gather: half mended", point: "raised", die: poisonAndGather(-1), dead: 0, low: 1, claim: 1},
	{name: "gather: mended", point: "raised", die: poisonAndGather(0), dead: 1, claim: 1},
	{name: "SIGTERM: half mended", point: "raised", die: poisonAndTerminate(-1), dead: 0, low: 1, claim: 1},
	{name: "SIGTERM: mended", point: "raised", die: poisonAndTerminate(0), dead: 1, claim: 1},
}

func orphan(t *testing.T, k *kernel, dir string) {
	t.Helper()
	kill(t, plugin.Start(t, plugin.StateDir(dir)))
	k.require(2)
}

func poison(n int32) func(*testing.T, *kernel, string) {
	return func(_ *testing.T, k *kernel, _ string) { k.set(n) }
}

func terminate(_ *testing.T, _ *kernel, p *plugin.Process) { p.Signal(syscall.SIGTERM) }

func closeStdin(_ *testing.T, _ *kernel, p *plugin.Process) { p.CloseStdin() }

func poisonAndGather(n int32) func(*testing.T, *kernel, *plugin.Process) {
	return func(_ *testing.T, k *kernel, p *plugin.Process) {
		k.set(n)
		p.Ask()
	}
}

func poisonAndTerminate(n int32) func(*testing.T, *kernel, *plugin.Process) {
	return func(_ *testing.T, k *kernel, p *plugin.Process) {
		k.set(n)
		p.Signal(syscall.SIGTERM)
	}
}

func TestCrashPoints(t *testing.T) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			forEachRecovery(t, func(t *testing.T, giveBack recovery) {
				k := alone(t)
				dir := state.Dir(t)
				b := enter(t)
				if c.setup != nil {
					c.setup(t, k, dir)
				}

				options := []plugin.Option{plugin.StateDir(dir), plugin.Faultpoints(t, c.point)}
				if c.die == nil {
					check.Killed(t, plugin.Start(t, append(options, plugin.NoWait())...).Wait(startLimit))
				} else {
					p := plugin.Start(t, options...)
					requireHears(t, p)
					b.requireHears("after the start")
					c.die(t, k, p)
					check.Killed(t, p.Wait(stopLimit))
				}
				// Nothing is on its way any more.
				require.Equal(t, c.dead, k.count(), "when the plugin is dead")
				require.Equal(t, c.dead > 0, b.hears(), "the bystander hears")

				for range 2 {
					giveBack(t, dir)
					k.require(1 - c.low)
					require.Equal(t, c.low == 0, b.hears(), "the bystander hears after the recovery")
					require.Len(t, leases(t, dir), c.claim)
				}
				k.set(1)
				forget(t, k, b, dir, giveBack)
			})
		})
	}
}

// The binary with faultpoints is the plugin: without one it keeps the balance.
func TestNoCrashPoint(t *testing.T) {
	k := alone(t)
	p := plugin.Start(t, plugin.Faultpoints(t, ""))
	k.require(1)
	requireHears(t, p)
	stop(t, p)
	k.require(0)
}

var crashCall = regexp.MustCompile(`\bcrash\("([^"]+)"\)`)

// No point of the source is forgotten here.
func TestCrashPointsAreAll(t *testing.T) {
	if os.Getenv(repo.PrebuiltEnv) != "" {
		t.Skip("There is no source here")
	}
	files, err := filepath.Glob(filepath.Join(repo.Root(t), "plugins", "inputs", "proc_connector", "cnproc", "*.go"))
	require.NoError(t, err)
	var source []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, call := range crashCall.FindAllSubmatch(text, -1) {
			source = append(source, string(call[1]))
		}
	}
	tested := make([]string, 0, len(crashes))
	for _, c := range crashes {
		tested = append(tested, c.point)
	}
	slices.Sort(source)
	slices.Sort(tested)
	require.Equal(t, slices.Compact(source), slices.Compact(tested))
}
