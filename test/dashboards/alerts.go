package dashboards

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// AlertFile is a file of Grafana that provides alert rules.
type AlertFile struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		OrgID    int         `yaml:"orgId"`
		Name     string      `yaml:"name"`
		Folder   string      `yaml:"folder"`
		Interval string      `yaml:"interval"`
		Rules    []AlertRule `yaml:"rules"`
	} `yaml:"groups"`
}

// AlertRule is one of them: queries, and what is made of them step by step.
type AlertRule struct {
	UID          string            `yaml:"uid"`
	Title        string            `yaml:"title"`
	Condition    string            `yaml:"condition"`
	For          string            `yaml:"for"`
	NoDataState  string            `yaml:"noDataState"`
	ExecErrState string            `yaml:"execErrState"`
	DashboardUID string            `yaml:"dashboardUid"`
	PanelID      int               `yaml:"panelId"`
	Labels       map[string]string `yaml:"labels"`
	Annotations  map[string]string `yaml:"annotations"`
	Data         []AlertStep       `yaml:"data"`
}

// AlertStep is a query, or an expression on the steps before.
type AlertStep struct {
	RefID         string `yaml:"refId"`
	DataSourceUID string `yaml:"datasourceUid"`
	Range         struct {
		From int `yaml:"from"`
		To   int `yaml:"to"`
	} `yaml:"relativeTimeRange"`
	Model struct {
		RefID         string         `yaml:"refId"`
		RawQuery      bool           `yaml:"rawQuery"`
		Query         string         `yaml:"query"`
		ResultFormat  string         `yaml:"resultFormat"`
		IntervalMs    int            `yaml:"intervalMs"`
		MaxDataPoints int            `yaml:"maxDataPoints"`
		Type          string         `yaml:"type"`
		Expression    string         `yaml:"expression"`
		Reducer       string         `yaml:"reducer"`
		Settings      map[string]any `yaml:"settings"`
		Conditions    []struct {
			Evaluator struct {
				Type   string    `yaml:"type"`
				Params []float64 `yaml:"params"`
			} `yaml:"evaluator"`
		} `yaml:"conditions"`
	} `yaml:"model"`
}

// Expressions is what Grafana calls the data source of steps that are no queries.
const Expressions = "__expr__"

// ReadAlerts reads the alert rules. A key that is not known is an error.
func ReadAlerts(t testing.TB) *AlertFile {
	t.Helper()
	var f AlertFile
	strict(t, read(t, "grafana", "alerts.yaml"), func(d *yaml.Decoder) error { return d.Decode(&f) })
	return &f
}
