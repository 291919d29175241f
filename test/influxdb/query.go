package influxdb

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Database is where Telegraf's output of the tests writes to, and Bucket the name
// that Flux has for it.
const (
	Database = "telegraf"
	Bucket   = Database + "/autogen"
)

// Series is a part of the answer to a query in InfluxQL.
type Series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// Query runs one query in InfluxQL. Times are in nanoseconds since 1970, and all
// numbers are of type json.Number.
func (s *Server) Query(query string) ([]Series, error) {
	resp, err := s.client.PostForm(s.URL()+"/query", url.Values{"db": {Database}, "epoch": {"ns"}, "q": {query}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string
		Results []struct {
			Error    string
			Series   []Series
			Messages []struct{ Text string }
		}
	}
	decoder := json.NewDecoder(resp.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	if len(answer.Results) != 1 {
		return nil, fmt.Errorf("%d results to one query", len(answer.Results))
	}
	r := answer.Results[0]
	switch {
	case r.Error != "":
		return nil, errors.New(r.Error)
	case len(r.Messages) > 0:
		return nil, errors.New(r.Messages[0].Text)
	}
	return r.Series, nil
}

// Rows is Query for a test that goes on only with an answer. Each row has the
// columns and the tags by name.
func (s *Server) Rows(query string, args ...any) []map[string]any {
	s.t.Helper()
	query = fmt.Sprintf(query, args...)
	series, err := s.Query(query)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", query, err, s.log.Since(0))
	}
	var rows []map[string]any
	for _, one := range series {
		for _, values := range one.Values {
			row := make(map[string]any, len(one.Columns)+len(one.Tags))
			for i, column := range one.Columns {
				row[column] = values[i]
			}
			for tag, value := range one.Tags {
				row[tag] = value
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// Int returns a number of a row, and fails the test if it is none.
func (s *Server) Int(row map[string]any, column string) int64 {
	s.t.Helper()
	number, ok := row[column].(json.Number)
	if !ok {
		s.t.Fatalf("%q is no number in %v", column, row)
	}
	n, err := number.Int64()
	if err != nil {
		s.t.Fatalf("%q: %v", column, err)
	}
	return n
}

// Count returns the single number that a query selects under the name n, and 0
// when there is nothing.
func (s *Server) Count(query string, args ...any) int64 {
	s.t.Helper()
	rows := s.Rows(query, args...)
	switch len(rows) {
	case 0:
		return 0
	case 1:
		return s.Int(rows[0], "n")
	}
	s.t.Fatalf("%d rows for "+query, append([]any{len(rows)}, args...)...)
	return 0
}

// Time returns the time of a row.
func (s *Server) Time(row map[string]any) time.Time {
	s.t.Helper()
	return time.Unix(0, s.Int(row, "time"))
}

// Flux runs a query in Flux, and returns the rows, by the names of their columns.
func (s *Server) Flux(query string) ([]map[string]string, error) {
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/api/v2/query", strings.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/vnd.flux")
	req.Header.Set("Accept", "application/csv")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, body)
	}
	return fluxRows(string(body))
}

// fluxRows reads tables with a line of column names each, and empty lines between
// them. An error that occurs late comes as such a table.
func fluxRows(text string) ([]map[string]string, error) {
	var rows []map[string]string
	for table := range strings.SplitSeq(text, "\r\n\r\n") {
		reader := csv.NewReader(strings.NewReader(table))
		reader.Comment = '#'
		reader.FieldsPerRecord = -1
		records, err := reader.ReadAll()
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			continue
		}
		names := records[0]
		for _, record := range records[1:] {
			if len(record) != len(names) {
				return nil, fmt.Errorf("%d values in %d columns", len(record), len(names))
			}
			row := make(map[string]string, len(names))
			for i, name := range names {
				row[name] = record[i]
			}
			if text, ok := row["error"]; ok {
				return nil, errors.New(text)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// Float returns a number of an answer.
func Float(t testing.TB, value any) float64 {
	t.Helper()
	n, ok := value.(json.Number)
	require.True(t, ok, "%v is no number", value)
	f, err := n.Float64()
	require.NoError(t, err)
	return f
}
