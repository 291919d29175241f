package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/acct"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// commandFields are the counters of a series, without runtime_seconds.
var commandFields = []string{"execs", "exits", "exits_failed", "exits_signaled", "coredumps"}

// requireSums fails the test unless the sums over all series of a report are the
// counters of the host, and all processes run under some command.
func requireSums(t *testing.T, r plugin.Report) {
	t.Helper()
	for _, field := range commandFields {
		var sum int64
		for _, m := range r.Commands {
			sum += plugin.Int(m, field)
		}
		require.Equal(t, plugin.Int(r.Counters, field), sum, field)
	}
	var running int64
	for _, m := range r.Commands {
		running += plugin.Int(m, "running")
		require.GreaterOrEqual(t, plugin.Float(m, "runtime_seconds"), 0.0)
	}
	require.Equal(t, plugin.Int(r.Listener, "processes"), running)
}

// seriesSince returns by how much the counters of a command's series exceed
// those of an earlier report.
func seriesSince(before, after plugin.Report, command string) counts {
	c := make(counts)
	value := func(r plugin.Report, field string) int64 {
		if m := r.Command(command); m != nil {
			return plugin.Int(m, field)
		}
		return 0
	}
	for _, field := range commandFields {
		if n := value(after, field) - value(before, field); n != 0 {
			c[field] = n
		}
	}
	return c
}

// A toolbox is a directory of programs with names that nobody else on the machine
// uses: links to real ones.
type toolbox struct {
	t   *testing.T
	dir string
	tag string
}

func newToolbox(t *testing.T, tag string) toolbox {
	t.Helper()
	return toolbox{t: t, dir: t.TempDir(), tag: tag}
}

// name is how a program of the box is called.
func (b toolbox) name(suffix string) string { return b.tag + "-" + suffix }

// link returns the path of a program under a name of the box.
func (b toolbox) link(suffix, program string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, b.name(suffix))
	if _, err := os.Lstat(path); err == nil {
		return path
	}
	target, err := exec.LookPath(program)
	require.NoError(b.t, err)
	require.NoError(b.t, os.Symlink(target, path))
	return path
}

const shortProcesses = 5000

// mixed does a bit of everything, under names of the box, and returns what that
// adds to the series of each.
func mixed(t *testing.T, box toolbox) map[string]counts {
	t.Helper()
	program, dir := workload.Build(t), t.TempDir()
	want := make(map[string]counts)
	add := func(name string, c counts) { want[box.name(name)] = want[box.name(name)].plus(c) }
	one := counts{"execs": 1, "exits": 1}
	link := func(suffix string) string { return box.link(suffix, program) }

	// So short that many have ended before they can be looked at.
	runs(t, dir, link("spawn"), "spawn", strconv.Itoa(shortProcesses), box.link("short", "true"))
	add("spawn", one)
	add("short", counts{"execs": shortProcesses, "exits": shortProcesses})

	// Zombies for a while, too: their names are not missed either.
	for _, w := range []struct {
		suffix string
		n      int64
		also   counts
		args   []string
	}{
		{"fail", 20, counts{"exits_failed": 20}, []string{"exit", "3"}},
		{"crash", 5, counts{"exits_signaled": 5, "coredumps": 5}, []string{"abort"}},
		{"killed", 10, counts{"exits_signaled": 10}, []string{"signal", "SIGKILL"}},
		{"setuid", 5, nil, []string{"setuid", strconv.Itoa(nobody.ID)}},
		{"threads", 5, nil, []string{"threads", "20"}},
		{"leader", 5, nil, []string{"leaderexit", "30"}},
	} {
		runs(t, dir, link("spawn"), append([]string{"spawn", strconv.FormatInt(w.n, 10), link(w.suffix)}, w.args...)...)
		add("spawn", one)
		add(w.suffix, counts{"execs": w.n, "exits": w.n}.plus(w.also))
	}
	for range 5 {
		// It becomes another program, from a thread that is not the first.
		runs(t, dir, link("caller"), "threadexec", box.link("called", "sleep"), "0.05")
		add("caller", counts{"execs": 1})
		add("called", one)
	}
	runs(t, dir, link("forker"), "forknoexec", "100")
	add("forker", counts{"execs": 1, "exits": 101})

	// A pipeline in a subshell, which fails: three programs and two shells.
	sleep := box.link("stage", "sleep")
	shell := box.link("shell", "sh")
	for range 5 {
		runs(t, dir, shell, "-c", fmt.Sprintf("(%s 0.1 | %s 0.1 | %s 0.1; exit 4)\nexit $?", sleep, sleep, sleep))
		add("stage", counts{"execs": 3, "exits": 3})
		add("shell", counts{"execs": 1, "exits": 2, "exits_failed": 2})
	}

	if _, err := exec.LookPath("make"); err == nil {
		makefile := filepath.Join(dir, "Makefile")
		rules := "all: a b c d\n\tfalse\na b c d:\n\t" + box.link("step", "sleep") + " 0.05\n"
		require.NoError(t, os.WriteFile(makefile, []byte(rules), 0o600))
		runs(t, dir, box.link("make", "make"), "-s", "-j2", "-f", makefile)
		add("make", one.plus(counts{"exits_failed": 1}))
		add("step", counts{"execs": 4, "exits": 4})
	}
	return want
}

// accounted adds up what the kernel has written about a command.
func accounted(records []acct.Record, command string) counts {
	c := make(counts)
	for _, r := range records {
		if command != "" && r.Comm != command {
			continue
		}
		c["exits"]++
		switch {
		case r.Status.Signaled():
			c["exits_signaled"]++
		case r.Status.ExitStatus() != 0:
			c["exits_failed"]++
		}
	}
	return c.plus(nil)
}

// exitsOf leaves out what process accounting does not know.
func exitsOf(c counts) counts {
	out := make(counts)
	for _, field := range []string{"exits", "exits_failed", "exits_signaled"} {
		if c[field] != 0 {
			out[field] = c[field]
		}
	}
	return out
}

// What the plugin says of each command is what was done, and what the kernel's
// process accounting has written; and the sums are those of the host.
func TestCommands(t *testing.T) {
	l := listeners.Guard(t)
	requireRoot(t)
	log := acct.Start(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "exec_events = false\nmax_commands = 10000")))
	l.Require(1)

	const tries = 4
	for try := 1; ; try++ {
		box := newToolbox(t, fmt.Sprintf("wl%d", try))
		w := watch(t, p.Pid())
		time.Sleep(pace.Limit(settleTime))
		before, start := p.Gather(), len(log.Records(t))
		requireSums(t, before)
		want := mixed(t, box)

		var after plugin.Report
		var records []acct.Record
		exits := func() int64 { return plugin.Int(after.Counters, "exits") - plugin.Int(before.Counters, "exits") }
		// Others end all the time: until both have seen the same ones.
		deadline := time.Now().Add(pace.Limit(5 * time.Second))
		for same := false; !same && time.Now().Before(deadline); {
			time.Sleep(pace.Limit(settleTime))
			after = p.Gather()
			records = log.Records(t)[start:]
			same = exits() == int64(len(records))
			requireSums(t, after)
		}

		unknown := seriesSince(before, after, "_unknown")
		exact := true
		for name, w := range want {
			require.Equal(t, exitsOf(w), accounted(records, name), "the witness agrees on %s", name)
			if fmt.Sprint(w) == fmt.Sprint(seriesSince(before, after, name)) {
				continue
			}
			exact = false
			for field, n := range w {
				got := seriesSince(before, after, name)[field]
				require.LessOrEqual(t, got, n, "%s of %s", field, name)
				require.GreaterOrEqual(t, got+unknown[field], n, "%s of %s", field, name)
			}
		}
		host := exitsOf(since(before, after))
		all := accounted(records, "")
		t.Logf("try %d: host %v, accounted %v, unknown %v", try, host, all, unknown)
		foreign := w.end()
		if !exact || fmt.Sprint(host) != fmt.Sprint(all) {
			if try < tries {
				continue
			}
			// Where others never rest, what is above holds all the same.
			require.Positive(t, foreign, "host %v, accounted %v, unknown %v", host, all, unknown)
		}
		require.EqualValues(t, 0, plugin.Int(after.Listener, "lost"))
		for name := range want {
			require.EqualValues(t, 0, plugin.Int(after.Command(name), "running"), name)
		}
		return
	}
}

// As many commands as there may be, and not one more; the sums stay exact.
func TestManyCommands(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t, plugin.Args("--config", plugin.WriteConfig(t, "max_commands = 50\nevent_limit = 0")))
	box := newToolbox(t, "many")
	before := p.Gather()
	const programs = 300
	seen := make(map[string]bool)
	for i := range programs {
		require.NoError(t, exec.Command(box.link(strconv.Itoa(i), "true")).Run())
		if i%30 == 0 {
			r := p.Gather()
			require.LessOrEqual(t, len(r.Commands), 52)
			requireSums(t, r)
		}
	}
	p.WaitExec(check.TrueOnce(t), 5*time.Second)
	r := p.Gather()
	require.Len(t, r.Commands, 52)
	requireSums(t, r)
	for _, m := range p.Metrics() {
		if command, ok := m.GetTag("command"); ok {
			seen[command] = true
		}
	}
	require.LessOrEqual(t, len(seen), 52, "over all measurements and all of the time")
	other := seriesSince(before, r, "_other")
	require.GreaterOrEqual(t, other["execs"], int64(programs-50))
	requireUniqueTimes(t, p.Metrics())
}
