package influxdb_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
)

func write(t *testing.T, s *influxdb.Server, lines string) {
	t.Helper()
	resp, err := http.Post(s.URL()+"/write?db="+influxdb.Database, "", strings.NewReader(lines))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
}

// A start of the release with Flux takes seconds, so that all else is tested with
// the other one.
func TestInfluxQL(t *testing.T) {
	s := influxdb.Start(t, influxdb.Debian(t))
	require.True(t, strings.HasPrefix(s.URL(), "http://127.0.0.1:"))
	s.Rows(`CREATE DATABASE "%s"`, influxdb.Database)
	write(t, s, "m,tag=a i=1i,s=\"text\" 1000000001\nm,tag=b i=2i 1000000002\n")

	// What was written outlives the server.
	s.Stop()
	s.Start()
	rows := s.Rows(`SELECT * FROM "m" WHERE "i" > %d`, 0)
	require.Len(t, rows, 2)
	require.Equal(t, "text", rows[0]["s"])
	require.EqualValues(t, 1, s.Int(rows[0], "i"))
	require.EqualValues(t, 1_000_000_001, s.Time(rows[0]).UnixNano())
	require.Nil(t, rows[1]["s"])
	require.EqualValues(t, 2, s.Count(`SELECT count("i") AS "n" FROM "m"`))
	require.Zero(t, s.Count(`SELECT count("i") AS "n" FROM "other"`))

	_, err := s.Query("SELECT nonsense")
	require.ErrorContains(t, err, "error parsing query")
	_, err = s.Query(`SELECT nonesuch("i") FROM "m"`)
	require.ErrorContains(t, err, "nonesuch")
}

func TestFlux(t *testing.T) {
	s := influxdb.Start(t, influxdb.Build(t))
	s.Rows(`CREATE DATABASE "%s"`, influxdb.Database)
	write(t, s, "m,tag=a i=1i,s=\"a, \\\"b\\\"\" 1000000001\n")
	from := `from(bucket: "` + influxdb.Bucket + `") |> range(start: 1970-01-01T00:00:00Z) `
	rows, err := s.Flux(from + `|> filter(fn: (r) => r.tag == "a")`)
	require.NoError(t, err)
	require.Len(t, rows, 2, "a table for each field")
	require.Equal(t, "1", rows[0]["_value"])
	require.Equal(t, `a, "b"`, rows[1]["_value"])
	require.Equal(t, "1970-01-01T00:00:01.000000001Z", rows[1]["_time"])

	rows, err = s.Flux(from + `|> filter(fn: (r) => r.tag == "b")`)
	require.NoError(t, err)
	require.Empty(t, rows)

	_, err = s.Flux(from + "|> nonesuch()")
	require.ErrorContains(t, err, "nonesuch")
}
