// Package dashboards reads the dashboards of this repository, and expands their
// queries as the programs do that show them. Its tests check how they are made,
// and run every query on what the real plugin has reported.
package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// DataSource is how Grafana refers to a data source.
type DataSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Target is a query of a panel.
type Target struct {
	RefID        string     `json:"refId"`
	DataSource   DataSource `json:"datasource"`
	RawQuery     bool       `json:"rawQuery"`
	Query        string     `json:"query"`
	ResultFormat string     `json:"resultFormat"`
	Alias        string     `json:"alias"`
}

// Panel is a panel of a dashboard, or the headline of a row of them.
type Panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	DataSource  DataSource `json:"datasource"`
	Interval    string     `json:"interval"`
	Targets     []Target   `json:"targets"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit       string `json:"unit"`
			Thresholds struct {
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
		Overrides []struct {
			Matcher struct {
				ID      string `json:"id"`
				Options string `json:"options"`
			} `json:"matcher"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
}

// Variable is a variable of a dashboard.
type Variable struct {
	Name        string     `json:"name"`
	Type        string     `json:"type"`
	Label       string     `json:"label"`
	Description string     `json:"description"`
	DataSource  DataSource `json:"datasource"`
	Query       string     `json:"query"`
	Multi       bool       `json:"multi"`
	IncludeAll  bool       `json:"includeAll"`
	AllValue    string     `json:"allValue"`
}

// Grafana is a dashboard of Grafana.
type Grafana struct {
	ID            *int    `json:"id"`
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	Description   string  `json:"description"`
	SchemaVersion int     `json:"schemaVersion"`
	Refresh       string  `json:"refresh"`
	Panels        []Panel `json:"panels"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
}

// ReadGrafana reads the dashboard.
func ReadGrafana(t testing.TB) *Grafana {
	t.Helper()
	var g Grafana
	if err := json.Unmarshal(read(t, "grafana", "proc-connector.json"), &g); err != nil {
		t.Fatalf("Reading the dashboard: %v", err)
	}
	return &g
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repo.Root(t), "dashboards", filepath.Join(path...)))
	if err != nil {
		t.Fatalf("Reading a dashboard: %v", err)
	}
	return data
}

// A Selection is what a user of Grafana has chosen.
type Selection struct {
	From, To time.Time
	// Values of variables. One that is not there has all.
	Values map[string][]string
}

// Expand replaces what Grafana replaces in a query of InfluxQL before it sends it.
func (g *Grafana) Expand(query string, s Selection, minInterval string) (string, error) {
	least, err := time.ParseDuration(minInterval)
	if err != nil {
		return "", fmt.Errorf("interval of the panel: %w", err)
	}
	// About as many points as a panel is wide, but not closer than it wants them.
	const width = 1000
	interval := max(s.To.Sub(s.From)/width, least).Round(time.Second)
	replace := make([]string, 0, 2*(2+len(g.Templating.List)))
	replace = append(replace,
		"$timeFilter", fmt.Sprintf("time >= %dms and time <= %dms", s.From.UnixMilli(), s.To.UnixMilli()),
		"$__interval", fmt.Sprintf("%ds", int(interval.Seconds())))
	for _, v := range g.Templating.List {
		if v.Type != "query" {
			continue
		}
		value := v.AllValue
		if chosen := s.Values[v.Name]; len(chosen) > 0 {
			value = alternatives(chosen)
		}
		replace = append(replace, "$"+v.Name, value)
	}
	expanded := strings.NewReplacer(replace...).Replace(query)
	if left := Macro.FindString(expanded); left != "" {
		return "", fmt.Errorf("nothing replaces %s", left)
	}
	return expanded, nil
}

// Macro matches what Grafana would replace. A $ at the end of a regular expression
// is none.
var Macro = regexp.MustCompile(`\$\{?[a-zA-Z_][a-zA-Z_0-9]*`)

// special is what Grafana escapes in values for regular expressions of InfluxQL.
var special = regexp.MustCompile(`[\\^$*+?.()|\[\]{}/]`)

// alternatives makes a regular expression of the values that were chosen.
func alternatives(values []string) string {
	escaped := make([]string, 0, len(values))
	for _, value := range values {
		escaped = append(escaped, special.ReplaceAllString(value, `\$0`))
	}
	if len(escaped) == 1 {
		return escaped[0]
	}
	return "(" + strings.Join(escaped, "|") + ")"
}
