package dashboards_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxql"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/dashboards"
)

const fromVariable = "${datasource}"

var anything = dashboards.Selection{From: time.Unix(1e9, 0), To: time.Unix(1e9+3600, 0)}

// parses fails the test unless the text is one query of InfluxQL, and returns what
// it selects from, also in queries within it.
func parses(t *testing.T, query string) {
	t.Helper()
	parsed, err := influxql.ParseQuery(query)
	require.NoError(t, err, query)
	require.Len(t, parsed.Statements, 1, query)
	influxql.WalkFunc(parsed.Statements[0], func(n influxql.Node) {
		if m, ok := n.(*influxql.Measurement); ok {
			require.True(t, strings.HasPrefix(m.Name, "proc_connector"), query)
			require.Empty(t, m.Database, "the data source says it")
			require.Empty(t, m.RetentionPolicy, "it need not be the same everywhere")
		}
	})
}

func TestGrafana(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	require.Nil(t, g.ID, "an id is that of one Grafana")
	require.Equal(t, "proc-connector", g.UID)
	require.NotEmpty(t, g.Title)
	require.NotEmpty(t, g.Description)
	require.GreaterOrEqual(t, g.SchemaVersion, 39)
	refresh, err := time.ParseDuration(g.Refresh)
	require.NoError(t, err)
	require.GreaterOrEqual(t, refresh, 10*time.Second, "more often nothing is new")
}

func TestGrafanaVariables(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	names := make([]string, 0, len(g.Templating.List))
	for i, v := range g.Templating.List {
		names = append(names, v.Name)
		require.NotEmpty(t, v.Label, v.Name)
		require.NotEmpty(t, v.Description, v.Name)
		if i == 0 {
			require.Equal(t, "datasource", v.Type)
			require.Equal(t, "influxdb", v.Query)
			continue
		}
		require.Equal(t, "query", v.Type, v.Name)
		require.Equal(t, fromVariable, v.DataSource.UID, v.Name)
		require.True(t, v.Multi && v.IncludeAll, v.Name)
		// All values in one expression would be too long, and would leave out what
		// has no such tag.
		require.Equal(t, ".*", v.AllValue, v.Name)
		query, err := g.Expand(v.Query, anything, "10s")
		require.NoError(t, err, v.Name)
		parses(t, query)
	}
	require.Equal(t, []string{"datasource", "host", "command", "user"}, names)
	for _, name := range names[1:] {
		require.True(t, used(g, name), "%s is used by no panel", name)
	}
}

func used(g *dashboards.Grafana, variable string) bool {
	for i := range g.Panels {
		for _, target := range g.Panels[i].Targets {
			if strings.Contains(target.Query, "/^$"+variable+"$/") {
				return true
			}
		}
	}
	return false
}

// Rows of panels are the operator's questions, in their order.
func TestGrafanaRows(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	var rows []string
	for i := range g.Panels {
		if p := &g.Panels[i]; p.Type == "row" {
			rows = append(rows, p.Title)
			require.Equal(t, 24, p.GridPos.W)
		} else {
			require.NotEmpty(t, rows, "%s is in no row", p.Title)
		}
	}
	require.Equal(t, []string{
		"Is the monitoring itself healthy?", "What is being started?", "What fails and what crashes?",
		"What lives how long?", "Who changes identity?", "The latest",
	}, rows)
}

func TestGrafanaPanels(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	ids, titles := make(map[int]bool), make(map[string]bool)
	for i := range g.Panels {
		p := &g.Panels[i]
		require.Positive(t, p.ID, p.Title)
		require.False(t, ids[p.ID], "the id of %s is another's too", p.Title)
		require.False(t, titles[p.Title], "%s is there twice", p.Title)
		ids[p.ID], titles[p.Title] = true, true
		if p.Type == "row" {
			continue
		}
		require.Contains(t, []string{"stat", "timeseries", "table"}, p.Type, p.Title)
		require.Greater(t, len(p.Description), 10, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Thresholds.Steps, p.Title)
		require.Nil(t, p.FieldConfig.Defaults.Thresholds.Steps[0].Value, "the first is for all that is less than the second")
		if p.Type == "stat" {
			require.Greater(t, len(p.FieldConfig.Defaults.Thresholds.Steps), 1, p.Title)
		}
		require.Equal(t, dashboards.DataSource{Type: "influxdb", UID: fromVariable}, p.DataSource, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		refs := make(map[string]bool)
		for _, target := range p.Targets {
			t.Run(p.Title+"/"+target.RefID, func(t *testing.T) { requireTarget(t, g, p, target) })
			require.False(t, refs[target.RefID], p.Title)
			refs[target.RefID] = true
		}
	}
}

// counters grow from the start of the plugin. Only what they grow by means
// something, and a plugin that starts anew must not show as a step down.
const counters = `"(forks|threads|execs|exits\w*|coredumps|\w+_changes|sessions|ptrace_\w+|renames|runtime_seconds|` +
	`events\w*|lost|listens|ignores|deaf|repairs|released|unresolved|resyncs|spoofed)"`

// A sum is one of differences that go by the counter's name, and the exit events
// have a field runtime_seconds of each process.
var (
	argument = regexp.MustCompile(`(\w+)\((last\()?` + counters + `[,)]`)
	allowed  = map[string]bool{"sum": true, "top": true, "non_negative_derivative": true, "non_negative_difference": true}
)

func requireTarget(t *testing.T, g *dashboards.Grafana, p *dashboards.Panel, target dashboards.Target) {
	t.Helper()
	require.NotEmpty(t, target.RefID)
	require.Equal(t, dashboards.DataSource{Type: "influxdb", UID: fromVariable}, target.DataSource)
	require.True(t, target.RawQuery)
	if p.Type == "table" {
		require.Equal(t, "table", target.ResultFormat)
	} else {
		require.Equal(t, "time_series", target.ResultFormat)
		require.Contains(t, target.Alias, "$tag_", "a name for each series")
	}
	query, err := g.Expand(target.Query, anything, p.Interval)
	require.NoError(t, err)
	parses(t, query)
	require.Equal(t, strings.Count(query, "SELECT"), strings.Count(target.Query, "$timeFilter"), "the database need not be told twice, but this one is")
	require.Contains(t, target.Query, `"host" =~ /^$host$/`)
	for _, m := range argument.FindAllStringSubmatch(target.Query, -1) {
		require.True(t, allowed[m[1]], "%s of a counter", m[0])
		if m[1] == "sum" {
			require.Contains(t, target.Query, `non_negative_difference("`+m[3]+`")`)
		}
		require.Equal(t, m[1] == "top", strings.Contains(target.Query, `"proc_connector_exit"`), m[0])
	}
}

func TestGrafanaGrid(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	cells := make([]cell, 0, len(g.Panels))
	for i := range g.Panels {
		p := &g.Panels[i]
		cells = append(cells, cell{p.Title, p.GridPos.X, p.GridPos.Y, p.GridPos.W, p.GridPos.H})
	}
	requireGrid(t, 24, cells)
}

type cell struct {
	name       string
	x, y, w, h int
}

// requireGrid fails the test if cells overlap, leave the grid, or leave gaps in
// which nothing is.
func requireGrid(t *testing.T, width int, cells []cell) {
	t.Helper()
	taken := make(map[[2]int]string)
	bottom := 0
	for _, c := range cells {
		require.True(t, c.x >= 0 && c.y >= 0 && c.w > 0 && c.h > 0 && c.x+c.w <= width, "%s is outside", c.name)
		bottom = max(bottom, c.y+c.h)
		for x := c.x; x < c.x+c.w; x++ {
			for y := c.y; y < c.y+c.h; y++ {
				require.Empty(t, taken[[2]int{x, y}], "is where %s is too", c.name)
				taken[[2]int{x, y}] = c.name
			}
		}
	}
	require.Len(t, taken, width*bottom, "all of the grid is taken")
}

func TestAlerts(t *testing.T) {
	g, f := dashboards.ReadGrafana(t), dashboards.ReadAlerts(t)
	panels := make(map[int]string)
	for i := range g.Panels {
		panels[g.Panels[i].ID] = g.Panels[i].Type
	}
	require.Equal(t, 1, f.APIVersion)
	require.Len(t, f.Groups, 1)
	group := f.Groups[0]
	require.NotEmpty(t, group.Name)
	require.NotEmpty(t, group.Folder)
	uids := make(map[string]bool)
	for _, rule := range group.Rules {
		require.False(t, uids[rule.UID], rule.UID)
		uids[rule.UID] = true
		require.Regexp(t, `^[a-z-]{1,40}$`, rule.UID)
		require.NotEmpty(t, rule.Title)
		require.Equal(t, g.UID, rule.DashboardUID, rule.UID)
		require.Contains(t, []string{"stat", "timeseries", "table"}, panels[rule.PanelID], "panel of %s", rule.UID)
		require.Contains(t, []string{"OK", "Alerting"}, rule.NoDataState, rule.UID)
		require.Equal(t, "Error", rule.ExecErrState, rule.UID)
		require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.UID)
		require.NotEmpty(t, rule.Annotations["summary"], rule.UID)
		require.NotEmpty(t, rule.Annotations["description"], rule.UID)
		_, err := time.ParseDuration(rule.For)
		require.NoError(t, err, rule.UID)
		requireSteps(t, rule)
	}
}

// requireSteps fails the test unless each step uses only steps before it, and the
// last one is what the alert depends on.
func requireSteps(t *testing.T, rule dashboards.AlertRule) {
	t.Helper()
	known := ""
	for i, step := range rule.Data {
		name := fmt.Sprintf("%s of %s", step.RefID, rule.UID)
		require.Equal(t, string(rune('A'+i)), step.RefID, name)
		require.Equal(t, step.RefID, step.Model.RefID, name)
		require.Positive(t, step.Range.From, name)
		if step.DataSourceUID != dashboards.Expressions {
			require.Equal(t, "influxdb", step.DataSourceUID, "what the README says how to replace")
			require.True(t, step.Model.RawQuery, name)
			parses(t, step.Model.Query)
			require.NotRegexp(t, dashboards.Macro, step.Model.Query, "rules have no variables, and macros differ between releases")
			// Grafana asks for so much, and the query limits itself.
			within := regexp.MustCompile(`now\(\) - (\d+[mh])`).FindStringSubmatch(step.Model.Query)
			require.NotEmpty(t, within, name)
			limit, err := time.ParseDuration(within[1])
			require.NoError(t, err, name)
			require.Equal(t, step.Range.From, int(limit.Seconds()), name)
		} else {
			require.Contains(t, []string{"reduce", "math", "threshold"}, step.Model.Type, name)
			for _, used := range regexp.MustCompile(`\b[A-Z]\b`).FindAllString(step.Model.Expression, -1) {
				require.Contains(t, known, used, name)
			}
			require.NotEmpty(t, step.Model.Expression, name)
		}
		known += step.RefID
	}
	last := rule.Data[len(rule.Data)-1]
	require.Equal(t, rule.Condition, last.RefID)
	require.Equal(t, "threshold", last.Model.Type)
	require.Len(t, last.Model.Conditions, 1)
	require.Contains(t, []string{"gt", "lt"}, last.Model.Conditions[0].Evaluator.Type)
	require.Len(t, last.Model.Conditions[0].Evaluator.Params, 1)
}

func TestExpand(t *testing.T) {
	g := dashboards.ReadGrafana(t)
	s := dashboards.Selection{From: time.UnixMilli(1000), To: time.UnixMilli(1000 + 3600*1000*24), Values: map[string][]string{
		"host": {"a.b"}, "command": {"c++", "x/y", "z"},
	}}
	got, err := g.Expand(`$timeFilter /^$host$/ /^$command$/ /^$user$/ $__interval`, s, "10s")
	require.NoError(t, err)
	require.Equal(t, `time >= 1000ms and time <= 86401000ms /^a\.b$/ /^(c\+\+|x\/y|z)$/ /^.*$/ 86s`, got)
	got, err = g.Expand(`$__interval`, s, "10m")
	require.NoError(t, err)
	require.Equal(t, "600s", got)
	for _, unknown := range []string{"$hots", "${host}", "$timeFrom"} {
		_, err = g.Expand(unknown, s, "10s")
		require.Error(t, err, unknown)
	}
}
