package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// A report of what a command's counter was.
type report struct {
	time  time.Time
	execs int64
}

func (p *pipeline) reports(command string) []report {
	rows := p.db.Rows(`SELECT "execs" FROM %q WHERE "command" = '%s'`, plugin.Commands, command)
	reports := make([]report, 0, len(rows))
	for _, row := range rows {
		reports = append(reports, report{p.db.Time(row), p.db.Int(row, "execs")})
	}
	return reports
}

// waitReports waits until that many further reports of a command are stored.
func (p *pipeline) waitReports(t *testing.T, command string, further int) {
	t.Helper()
	before := len(p.reports(command))
	check.Eventually(t, "reports of "+command, arrival, func() bool { return len(p.reports(command)) >= before+further })
}

// When Telegraf reads its configuration again the plugin starts anew, and its
// counters at 0. Who looks at rates sees no more of that than a short gap.
func (p *pipeline) testReload(t *testing.T) {
	const command = "reload"
	k := p.tick(t, command)
	// Longer than what comes after, so that the counter's start is a step down.
	p.waitReports(t, command, 6)
	old := p.plugin(t)
	began := time.Now()
	p.agent.Reload()
	check.Eventually(t, "the plugin listens again", execd.Timeout, func() bool {
		return strings.Count(p.agent.Log(), execd.Listens) == 2
	})
	took := time.Since(began)
	require.NotEqual(t, old, p.plugin(t))
	p.l.Require(1)
	p.waitReports(t, command, 3)
	ticks := k.end(t)
	p.waitReports(t, command, 2)

	reports := p.reports(command)
	restarts, first := 0, 0 // the first report of the new plugin
	grown := int64(0)
	for i := range reports[1:] {
		if by := reports[i+1].execs - reports[i].execs; by < 0 {
			restarts++
			first = i + 1
		} else {
			grown += by
		}
	}
	require.Equal(t, 1, restarts, "%v", reports)

	// As dashboards ask for it.
	const differences = `SELECT non_negative_difference("execs") AS "d" FROM %q WHERE "command" = '%s'`
	require.Equal(t, grown, p.db.Count(`SELECT sum("d") AS "n" FROM (`+differences+`)`, plugin.Commands, command))
	rates := p.db.Rows(`SELECT non_negative_derivative("execs", 1s) AS "rate" FROM %q WHERE time >= %d`, plugin.Counters, reports[0].time.UnixNano())
	require.NotEmpty(t, rates)
	most := p.db.Count(`SELECT max("execs") AS "n" FROM %q`, plugin.Counters)
	for _, row := range rates {
		rate := influxdb.Float(t, row["rate"])
		require.True(t, rate >= 0 && rate <= float64(most)/interval.Seconds(), "%v execs a second, of %d in all", rate, most)
	}

	// What happened between two reports of one plugin is in there, and nothing that
	// did not happen.
	sure, possible := 0, 0
	last := len(reports) - 1
	for _, one := range ticks {
		if within(one, reports[0].time, reports[first-1].time) || within(one, reports[first].time, reports[last].time) {
			sure++
		}
		if one.after.After(reports[0].time.Add(-late())) {
			possible++
		}
	}
	require.GreaterOrEqual(t, grown, int64(sure))
	require.LessOrEqual(t, grown, int64(possible))
	require.Positive(t, sure)

	longest := p.longestGap(t, plugin.Counters, began.Add(-2*interval), time.Now())
	require.Less(t, longest, took+pace.Limit(gap))
	p.requireNothingMissed(t)
	t.Logf("of %d execs rates show %d; %s without a report, for a reload of %s",
		len(ticks), grown, longest.Round(time.Millisecond), took.Round(time.Millisecond))

	// Of single execs only those are missing that came while no plugin was there.
	heard := 0
	for _, one := range ticks {
		if one.after.Before(began) || one.before.After(began.Add(took)) {
			heard++
		}
	}
	check.Eventually(t, "the execs are stored", arrival, func() bool { return p.rows(command) >= int64(heard) })
	require.LessOrEqual(t, p.rows(command), int64(len(ticks)))
}

// late is how long after an event a counter may be asked for that does not have it
// yet.
func late() time.Duration { return pace.Limit(2 * time.Second) }

func within(one tick, from, to time.Time) bool {
	return one.before.After(from) && one.after.Before(to.Add(-late()))
}
