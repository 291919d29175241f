package pipeline_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// outage is for how long the database is away.
const outage = 15 * time.Second

// While the database is away the plugin goes on as if nothing were, and when it is
// back it gets everything.
func (p *pipeline) testOutage(t *testing.T) {
	k := p.tick(t, "outage")
	logged := len(p.agent.Log())
	p.db.Stop()
	began := time.Now()
	const n = 500
	require.NoError(t, exec.Command(workload.Build(t), "spawn", strconv.Itoa(n), p.link(t, "unstored", "/bin/true")).Run())
	time.Sleep(time.Until(began.Add(outage)))
	ticks := k.end(t)
	ended := time.Now()
	failures := strings.Count(p.agent.Log()[logged:], "connection refused")
	require.Positive(t, failures, "Telegraf has noticed")
	p.db.Start()

	p.requireRows(t, "outage", len(ticks), false)
	p.requireRows(t, "unstored", n, true)
	want := make([]string, 0, len(ticks))
	for _, one := range ticks {
		want = append(want, one.line)
	}
	got := make([]string, 0, len(ticks))
	for _, row := range p.db.Rows(`SELECT "cmdline" FROM %q WHERE "command" = 'outage' ORDER BY time`, plugin.Exec) {
		line, _ := row["cmdline"].(string)
		got = append(got, line)
	}
	require.Equal(t, want, got)

	// Counters too, in steps as small as ever.
	check.Eventually(t, "reports of after the outage are stored", arrival, func() bool {
		return p.db.Count(`SELECT count("listening") AS "n" FROM %q WHERE time > %d`, plugin.Listener, ended.UnixNano()) > 0
	})
	for _, measurement := range []string{plugin.Listener, plugin.Counters} {
		longest := p.longestGap(t, measurement, began.Add(-2*interval), ended.Add(time.Minute))
		require.Less(t, longest, pace.Limit(gap), measurement)
	}
	p.requireAllStored(t)
	p.requireNothingMissed(t)
	t.Logf("%d execs in %s without a database, of which Telegraf complained %d times", len(ticks)+n, ended.Sub(began).Round(time.Second), failures)
}

// longestGap returns the longest time between two reports.
func (p *pipeline) longestGap(t *testing.T, measurement string, from, to time.Time) time.Duration {
	t.Helper()
	field := map[string]string{plugin.Listener: "events", plugin.Counters: "execs"}[measurement]
	rows := p.db.Rows(`SELECT %q FROM %q WHERE time >= %d AND time <= %d`, field, measurement, from.UnixNano(), to.UnixNano())
	require.Greater(t, len(rows), 1)
	var longest time.Duration
	for i := range rows[1:] {
		longest = max(longest, p.db.Time(rows[i+1]).Sub(p.db.Time(rows[i])))
	}
	return longest
}
