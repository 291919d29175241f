package dashboards_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/dashboards"
)

// The template is read as InfluxDB 2 does, which takes no notice of what it does not
// know: see its package pkger.
func TestTemplate(t *testing.T) {
	kinds := make(map[string]int)
	names := make(map[string]bool)
	template := dashboards.ReadTemplate(t)
	requireVariables(t, template)
	for _, r := range template {
		kinds[r.Kind]++
		require.Equal(t, "influxdata.com/v2alpha1", r.APIVersion, r.Metadata.Name)
		require.Regexp(t, `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, r.Metadata.Name, "a name as in DNS")
		require.False(t, names[r.Kind+r.Metadata.Name], r.Metadata.Name)
		names[r.Kind+r.Metadata.Name] = true
		require.Greater(t, len(r.Spec.Description), 10, r.Metadata.Name)
		require.Greater(t, len(r.Spec.Name), 2, r.Metadata.Name)

		if r.Kind == "Label" {
			require.Regexp(t, hex, r.Spec.Color)
			continue
		}
		require.Len(t, r.Spec.Associations, 1, r.Metadata.Name)
		require.Equal(t, "Label", r.Spec.Associations[0].Kind)
		require.True(t, names["Label"+r.Spec.Associations[0].Name], "a label of the template")
		switch r.Kind {
		case "Variable":
			require.Equal(t, "query", r.Spec.Type)
			require.Equal(t, "flux", r.Spec.Language)
			require.Len(t, r.Spec.Selected, 1)
		case "Dashboard":
			requireCharts(t, r.Spec.Charts)
		case "CheckThreshold", "CheckDeadman":
			requireCheck(t, r.Kind, r.Spec)
		default:
			require.Fail(t, "unexpected kind", r.Kind)
		}
	}
	require.Equal(t, 1, kinds["Label"])
	require.Equal(t, 4, kinds["Variable"])
	require.Equal(t, 1, kinds["Dashboard"])
	require.Equal(t, 1, kinds["CheckDeadman"])
	require.Positive(t, kinds["CheckThreshold"])
}

// requireVariables fails the test unless each variable that a query uses is one of
// the template's or of InfluxDB's, and each of the template's is used.
func requireVariables(t *testing.T, template []dashboards.Resource) {
	t.Helper()
	used := map[string]bool{"timeRangeStart": false, "timeRangeStop": false, "windowPeriod": false}
	for _, r := range template {
		if r.Kind == "Variable" {
			used[r.Spec.Name] = false
		}
	}
	for _, r := range template {
		queries := []string{r.Spec.Query}
		for i := range r.Spec.Charts {
			for _, q := range r.Spec.Charts[i].Queries {
				queries = append(queries, q.Query)
			}
		}
		for _, m := range regexp.MustCompile(`\bv\.(\w+)`).FindAllStringSubmatch(strings.Join(queries, "\n"), -1) {
			require.Contains(t, used, m[1], r.Metadata.Name)
			used[m[1]] = true
		}
	}
	for name, is := range used {
		require.True(t, is, "no query uses %s", name)
	}
}

var counterField = regexp.MustCompile(`r\._field == ` + counters)

var hex = regexp.MustCompile(`^#[0-9A-F]{6}$`)

func requireCharts(t *testing.T, charts []dashboards.Chart) {
	t.Helper()
	var headlines []string
	cells := make([]cell, 0, len(charts))
	for i := range charts {
		c := &charts[i]
		cells = append(cells, cell{c.Name, c.XPos, c.YPos, c.Width, c.Height})
		require.NotEmpty(t, c.Note, c.Name)
		if c.Kind == "Markdown" {
			headlines = append(headlines, c.Name)
			require.Empty(t, c.Queries, c.Name)
			continue
		}
		require.NotEmpty(t, headlines, "%s is under no headline", c.Name)
		require.Greater(t, len(c.Note), 10, c.Name)
		require.Len(t, c.Queries, 1, c.Name)
		require.Contains(t, c.Queries[0].Query, "bucket: v.proc_bucket", c.Name)
		require.Contains(t, c.Queries[0].Query, "range(start: v.timeRangeStart, stop: v.timeRangeStop)", c.Name)
		require.Contains(t, c.Queries[0].Query, "v.proc_host", c.Name)
		if counterField.MatchString(c.Queries[0].Query) {
			require.Regexp(t, `\|> (derivative|difference)\((unit: 1s, )?nonNegative: true\)`, c.Queries[0].Query, c.Name)
		}
		switch c.Kind {
		case "Xy":
			requireXY(t, c)
		case "Single_Stat":
			require.GreaterOrEqual(t, len(c.Colors), 2, c.Name)
			require.Equal(t, "text", c.Colors[0].Type, c.Name)
		case "Table":
			require.NotEmpty(t, c.FieldOptions, c.Name)
			shown := make([]string, 0, len(c.FieldOptions))
			for _, o := range c.FieldOptions {
				require.True(t, o.Visible, c.Name)
				shown = append(shown, o.FieldName)
			}
			require.Contains(t, shown, c.TableOptions.SortBy, c.Name)
			require.Contains(t, []string{"truncate", "wrap", "single-line"}, c.TableOptions.Wrapping, c.Name)
		default:
			require.Fail(t, "unexpected kind", c.Kind)
		}
		for _, color := range c.Colors {
			require.Regexp(t, hex, color.Hex, c.Name)
		}
	}
	require.Equal(t, []string{
		"Is the monitoring itself healthy?", "What is being started?", "What fails and what crashes?",
		"What lives how long?", "Who changes identity?", "The latest",
	}, headlines)
	requireGrid(t, 12, cells)
}

func requireXY(t *testing.T, c *dashboards.Chart) {
	t.Helper()
	require.Contains(t, []string{"line", "step", "bar"}, c.Geom, c.Name)
	require.Contains(t, []string{"overlaid", "stacked"}, c.Position, c.Name)
	require.Equal(t, "_time", c.XCol, c.Name)
	require.Equal(t, "_value", c.YCol, c.Name)
	require.Len(t, c.Axes, 2, c.Name)
	require.Equal(t, "x", c.Axes[0].Name, c.Name)
	require.Equal(t, "y", c.Axes[1].Name, c.Name)
	require.NotEmpty(t, c.Axes[1].Label, "unit of %s", c.Name)
	require.Len(t, c.Colors, 3, c.Name)
	require.Contains(t, c.Queries[0].Query, "every: v.windowPeriod", c.Name)
}

// What InfluxDB makes of a check's query: it takes the one field that it finds in
// it, and it replaces the time range and the window by the interval of the check.
func requireCheck(t *testing.T, kind string, s dashboards.Spec) {
	t.Helper()
	require.Equal(t, "active", s.Status, s.Name)
	require.NotEmpty(t, s.StatusMessageTemplate, s.Name)
	require.Contains(t, s.Query, `from(bucket: "telegraf")`, s.Name)
	require.NotContains(t, s.Query, "v.proc_", "checks have no variables: %s", s.Name)
	require.True(t, strings.HasPrefix(s.Query, "from("), "one statement: %s", s.Name)
	require.Len(t, regexp.MustCompile(`r\._field == "\w+"`).FindAllString(s.Query, -1), 1, s.Name)
	every, err := time.ParseDuration(s.Every)
	require.NoError(t, err, s.Name)
	if kind == "CheckDeadman" {
		require.Equal(t, "CRIT", s.Level, s.Name)
		since, err := time.ParseDuration(s.TimeSince)
		require.NoError(t, err, s.Name)
		stale, err := time.ParseDuration(s.StaleTime)
		require.NoError(t, err, s.Name)
		require.Less(t, every, since, s.Name)
		require.Less(t, since, stale, s.Name)
		require.NotContains(t, s.Query, "aggregateWindow", s.Name)
		return
	}
	require.Contains(t, s.Query, "aggregateWindow(every: "+s.Every+",", s.Name)
	require.NotEmpty(t, s.Thresholds, s.Name)
	for _, threshold := range s.Thresholds {
		require.Contains(t, []string{"greater", "lesser"}, threshold.Type, s.Name)
		require.Contains(t, []string{"WARN", "CRIT"}, threshold.Level, s.Name)
	}
}

func TestExpandFlux(t *testing.T) {
	s := dashboards.Selection{From: time.Unix(0, 0), To: time.Unix(60, 0), Values: map[string][]string{
		"host": {"h"}, "command": {`c"`}, "user": {"u"},
	}}
	got := dashboards.ExpandFlux("import \"a\"\nimport \"b\"\n\nfrom(bucket: \"telegraf\")\n", s)
	require.True(t, strings.HasPrefix(got, "import \"a\"\nimport \"b\"\noption v = {timeRangeStart: 1970-01-01T00:00:00Z, "), got)
	require.True(t, strings.HasSuffix(got, "}\n\nfrom(bucket: \"telegraf/autogen\")\n"), got)
	for _, value := range []string{`proc_bucket: "telegraf/autogen"`, "windowPeriod: 10s", `proc_host: "h"`, `proc_command: "c\""`, `proc_user: "u"`} {
		require.Contains(t, got, value)
	}
}
