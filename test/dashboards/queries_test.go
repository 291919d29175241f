package dashboards_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/dashboards"
	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
)

// Every query of every dashboard, on what the real plugin has reported.
func TestQueries(t *testing.T) {
	db := influxdb.Start(t, influxdb.Build(t))
	var all dashboards.Selection
	// A test of its own, which keeps others from the connector no longer than it must.
	require.True(t, t.Run("workload", func(t *testing.T) { all = fill(t, db) }))
	chosen := all
	chosen.Values = map[string][]string{"host": {host}, "command": {crashing, staying}, "user": {user}}
	for name, selection := range map[string]dashboards.Selection{"all": all, "chosen": chosen} {
		t.Run("grafana/"+name, func(t *testing.T) { runGrafana(t, db, selection) })
	}
	t.Run("grafana/nobody's", func(t *testing.T) { runOtherHost(t, db, all) })
	t.Run("grafana/variables", func(t *testing.T) { runVariables(t, db, all) })
	t.Run("alerts", func(t *testing.T) { runAlerts(t, db) })
	// In InfluxDB one value is chosen.
	for name, command := range map[string]string{"all": "", "crashing": crashing} {
		selection := all
		if command != "" {
			selection.Values = map[string][]string{"host": {host}, "command": {command}, "user": {user}}
		}
		t.Run("influxdb/"+name, func(t *testing.T) { runTemplate(t, db, selection) })
	}
}

// mayBeZero are queries about what the workload does not cause for certain.
var mayBeZero = map[string]bool{
	"Unresolved execs/A": true, "Given back/A": true,
	"What was missed/B": true, // unresolved
	"What was missed/F": true, // spoofed
}

func runGrafana(t *testing.T, db *influxdb.Server, s dashboards.Selection) {
	g := dashboards.ReadGrafana(t)
	panels, targets := 0, 0
	for i := range g.Panels {
		p := &g.Panels[i]
		if p.Type == "row" {
			continue
		}
		panels++
		for _, target := range p.Targets {
			targets++
			name := p.Title + "/" + target.RefID
			t.Run(name, func(t *testing.T) {
				query, err := g.Expand(target.Query, s, p.Interval)
				require.NoError(t, err)
				series := answer(t, db, query)
				requireShown(t, p, series)
				if !mayBeZero[name] {
					require.True(t, something(series), "nothing but 0: %s", query)
				}
			})
		}
	}
	t.Logf("%d panels, %d queries", panels, targets)
}

// answer runs a query, and fails the test if there is nothing in the answer.
func answer(t *testing.T, db *influxdb.Server, query string) []influxdb.Series {
	t.Helper()
	series, err := db.Query(query)
	require.NoError(t, err, query)
	require.NotEmpty(t, series, query)
	for _, one := range series {
		require.NotEmpty(t, one.Values, query)
		for _, row := range one.Values {
			some := false
			for _, value := range row[1:] {
				some = some || value != nil
			}
			require.True(t, some, "a row without values: %s", query)
		}
	}
	return series
}

// requireShown fails the test if a panel refers to a column that is not there, or
// a series shows what cannot be.
func requireShown(t *testing.T, p *dashboards.Panel, series []influxdb.Series) {
	t.Helper()
	columns := map[string]bool{"Time": true}
	for _, one := range series {
		for _, column := range one.Columns[1:] {
			columns[column] = true
		}
		for tag := range one.Tags {
			columns[tag] = true
		}
		if p.Type == "table" {
			continue
		}
		require.Len(t, one.Columns, 2, "one value a series")
		require.Len(t, one.Tags, 1, "a series is named by its tag")
		for _, row := range one.Values {
			n := influxdb.Float(t, row[1])
			require.True(t, n >= 0 && n < 1e6, "%v in %v", n, one.Tags)
		}
	}
	for _, override := range p.FieldConfig.Overrides {
		require.True(t, columns[override.Matcher.Options], "no column %s in %v", override.Matcher.Options, columns)
	}
}

// something reports whether any number is not 0, or any text not empty.
func something(series []influxdb.Series) bool {
	for _, one := range series {
		for _, row := range one.Values {
			for _, value := range row[1:] {
				switch v := value.(type) {
				case json.Number:
					if f, err := v.Float64(); err == nil && f != 0 {
						return true
					}
				case string:
					if v != "" {
						return true
					}
				}
			}
		}
	}
	return false
}

// No query forgets the host.
func runOtherHost(t *testing.T, db *influxdb.Server, s dashboards.Selection) {
	g := dashboards.ReadGrafana(t)
	s.Values = map[string][]string{"host": {"first-example"}} // not "first.example"
	for i := range g.Panels {
		for _, target := range g.Panels[i].Targets {
			query, err := g.Expand(target.Query, s, g.Panels[i].Interval)
			require.NoError(t, err)
			series, err := db.Query(query)
			require.NoError(t, err)
			require.Empty(t, series, query)
		}
	}
}

func runVariables(t *testing.T, db *influxdb.Server, s dashboards.Selection) {
	g := dashboards.ReadGrafana(t)
	want := map[string][]string{"host": {host}, "command": {crashing, staying, "_kernel", "_other"}, "user": {user, "root"}}
	for _, v := range g.Templating.List {
		if v.Type != "query" {
			continue
		}
		query, err := g.Expand(v.Query, s, "10s")
		require.NoError(t, err)
		var values []string
		for _, one := range answer(t, db, query) {
			for _, row := range one.Values {
				// Grafana takes the second of two columns.
				require.Len(t, row, 2)
				values = append(values, row[1].(string)) //nolint:forcetypeassert // it is to fail then
			}
		}
		require.Subset(t, values, want[v.Name], v.Name)
		require.Contains(t, want, v.Name)
	}
}

// Rules look at the last minutes, which are those of the workload.
func runAlerts(t *testing.T, db *influxdb.Server) {
	queries := 0
	for _, rule := range dashboards.ReadAlerts(t).Groups[0].Rules {
		for _, step := range rule.Data {
			if step.DataSourceUID == dashboards.Expressions {
				continue
			}
			queries++
			for _, one := range answer(t, db, step.Model.Query) {
				require.Equal(t, map[string]string{"host": host}, one.Tags, rule.UID)
				require.Len(t, one.Columns, 2, rule.UID)
			}
		}
	}
	t.Logf("%d queries", queries)
	// What happened is what would have raised an alert, and what did not is not.
	require.Positive(t, alertValue(t, db, "proc-connector-deaf"))
	require.Positive(t, alertValue(t, db, "proc-connector-lost"))
	require.Positive(t, alertValue(t, db, "proc-connector-dropped"))
	require.InDelta(t, 1, alertValue(t, db, "proc-connector-not-listening"), 0)
}

// alertValue is what the first query of a rule comes to.
func alertValue(t *testing.T, db *influxdb.Server, uid string) float64 {
	t.Helper()
	for _, rule := range dashboards.ReadAlerts(t).Groups[0].Rules {
		if rule.UID == uid {
			values := answer(t, db, rule.Data[0].Model.Query)[0].Values
			return influxdb.Float(t, values[len(values)-1][1])
		}
	}
	require.Fail(t, "no such rule", uid)
	return 0
}

// fluxMayBeZero is mayBeZero for the other dashboard.
var fluxMayBeZero = map[string]bool{"Unresolved execs": true}

func runTemplate(t *testing.T, db *influxdb.Server, s dashboards.Selection) {
	charts, queries := 0, 0
	run := func(name, query string, zero bool, shown ...string) {
		t.Helper()
		queries++
		t.Run(name, func(t *testing.T) {
			rows, err := db.Flux(dashboards.ExpandFlux(query, s))
			require.NoError(t, err, query)
			require.NotEmpty(t, rows, query)
			for _, column := range shown {
				require.Contains(t, rows[0], column)
			}
			if !zero {
				require.True(t, somethingFlux(rows), "nothing but 0: %s", query)
			}
		})
	}
	for _, r := range dashboards.ReadTemplate(t) {
		if r.Spec.Query != "" {
			run(r.Kind+" "+r.Spec.Name, r.Spec.Query, r.Metadata.Name == "proc-connector-unresolved")
		}
		for i := range r.Spec.Charts {
			c := &r.Spec.Charts[i]
			if c.Kind == "Markdown" {
				continue
			}
			charts++
			shown := make([]string, 0, len(c.FieldOptions))
			for _, option := range c.FieldOptions {
				shown = append(shown, option.FieldName)
			}
			run(c.Name, c.Queries[0].Query, fluxMayBeZero[c.Name], shown...)
		}
	}
	t.Logf("%d charts, %d queries", charts, queries)
}

// somethingFlux reports whether any number of the answer is not 0, or any value is a
// text. Without a column _value the columns are those of a table.
func somethingFlux(rows []map[string]string) bool {
	ofEvery := map[string]bool{"": true, "result": true, "table": true, "_start": true, "_stop": true, "_time": true}
	for _, row := range rows {
		_, single := row["_value"]
		for column, value := range row {
			if value == "" || ofEvery[column] || single && column != "_value" {
				continue
			}
			if f, err := strconv.ParseFloat(value, 64); f != 0 || single && err != nil {
				return true
			}
		}
	}
	return false
}
