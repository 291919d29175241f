package dashboards

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
)

// Resource is a document of a template of InfluxDB 2.
type Resource struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec Spec `yaml:"spec"`
}

// Spec holds what the kinds of resources have between them.
type Spec struct {
	Name         string `yaml:"name"`
	Description  string `yaml:"description"`
	Associations []struct {
		Kind string `yaml:"kind"`
		Name string `yaml:"name"`
	} `yaml:"associations"`
	Color string `yaml:"color"` // of labels

	// Variables, and checks
	Query    string   `yaml:"query"`
	Type     string   `yaml:"type"`
	Language string   `yaml:"language"`
	Selected []string `yaml:"selected"`

	Charts []Chart `yaml:"charts"` // of dashboards

	// Checks
	Status                string `yaml:"status"`
	StatusMessageTemplate string `yaml:"statusMessageTemplate"`
	Every                 string `yaml:"every"`
	Offset                string `yaml:"offset"`
	TimeSince             string `yaml:"timeSince"`
	StaleTime             string `yaml:"staleTime"`
	Level                 string `yaml:"level"`
	ReportZero            bool   `yaml:"reportZero"`
	Thresholds            []struct {
		Type  string  `yaml:"type"`
		Level string  `yaml:"level"`
		Value float64 `yaml:"value"`
	} `yaml:"thresholds"`
}

// Chart is a cell of a dashboard.
type Chart struct {
	Kind    string `yaml:"kind"`
	Name    string `yaml:"name"`
	Note    string `yaml:"note"`
	XPos    int    `yaml:"xPos"`
	YPos    int    `yaml:"yPos"`
	Width   int    `yaml:"width"`
	Height  int    `yaml:"height"`
	Queries []struct {
		Query string `yaml:"query"`
	} `yaml:"queries"`
	Geom     string `yaml:"geom"`
	Position string `yaml:"position"`
	XCol     string `yaml:"xCol"`
	YCol     string `yaml:"yCol"`
	Axes     []struct {
		Name, Label, Scale, Base string
	} `yaml:"axes"`
	Colors []struct {
		Name, Type, Hex string
		Value           float64
	} `yaml:"colors"`
	FieldOptions []struct {
		FieldName   string `yaml:"fieldName"`
		DisplayName string `yaml:"displayName"`
		Visible     bool   `yaml:"visible"`
	} `yaml:"fieldOptions"`
	TableOptions struct {
		SortBy           string `yaml:"sortBy"`
		VerticalTimeAxis bool   `yaml:"verticalTimeAxis"`
		Wrapping         string `yaml:"wrapping"`
	} `yaml:"tableOptions"`
	TimeFormat                 string  `yaml:"timeFormat"`
	Suffix                     string  `yaml:"suffix"`
	DecimalPlaces              int     `yaml:"decimalPlaces"`
	Shade                      bool    `yaml:"shade"`
	HoverDimension             string  `yaml:"hoverDimension"`
	LegendColorizeRows         bool    `yaml:"legendColorizeRows"`
	LegendOpacity              float64 `yaml:"legendOpacity"`
	LegendOrientationThreshold int     `yaml:"legendOrientationThreshold"`
}

// ReadTemplate reads the template of InfluxDB 2. A key that is not known is an
// error: InfluxDB would take no notice of it.
func ReadTemplate(t testing.TB) []Resource {
	t.Helper()
	var all []Resource
	strict(t, read(t, "influxdb2", "proc-connector.yml"), func(d *yaml.Decoder) error {
		for {
			var r Resource
			switch err := d.Decode(&r); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			all = append(all, r)
		}
	})
	return all
}

func strict(t testing.TB, data []byte, decode func(*yaml.Decoder) error) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decode(decoder); err != nil {
		t.Fatalf("Reading a dashboard: %v", err)
	}
}

// checkBucket is the bucket in the queries of checks, which cannot use variables.
const checkBucket = `"telegraf"`

// ExpandFlux gives a query the variables that InfluxDB's user interface gives it:
// a record v, which must come after what is imported.
func ExpandFlux(query string, s Selection) string {
	values := map[string]string{"proc_host": "All", "proc_command": "All", "proc_user": "All"}
	for name, chosen := range s.Values {
		values["proc_"+name] = chosen[0]
	}
	var option strings.Builder
	fmt.Fprintf(&option, "option v = {timeRangeStart: %s, timeRangeStop: %s, windowPeriod: 10s, proc_bucket: %q",
		s.From.UTC().Format(time.RFC3339), s.To.UTC().Format(time.RFC3339), influxdb.Bucket)
	for name, value := range values {
		fmt.Fprintf(&option, ", %s: %q", name, value)
	}
	option.WriteString("}\n")

	query = strings.ReplaceAll(query, "bucket: "+checkBucket, fmt.Sprintf("bucket: %q", influxdb.Bucket))
	body := 0
	for line := range strings.Lines(query) {
		if !strings.HasPrefix(line, "import ") {
			break
		}
		body += len(line)
	}
	return query[:body] + option.String() + query[body:]
}
