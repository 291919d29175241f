//go:build linux

package proc_connector

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/stretchr/testify/require"
)

// twins returns an event's metric and one of Telegraf's own that is the same.
func twins() (*eventMetric, telegraf.Metric) {
	at := time.Unix(1700000000, 42)
	m := newEventMetric("exit", at)
	m.tag("command", "sh")
	m.tag("result", "failed")
	theirs := metric.New("exit", map[string]string{"command": "sh", "result": "failed"}, nil, at)
	for _, f := range []telegraf.Field{
		{Key: "pid", Value: int64(300)},
		{Key: "big", Value: uint64(1 << 63)},
		{Key: "seconds", Value: 0.5},
		{Key: "cmdline", Value: `sh -c "a\b"`},
		{Key: "core_dumped", Value: true},
	} {
		m.set(f.Key, f.Value)
		theirs.AddField(f.Key, f.Value)
	}
	return m, theirs
}

// line is what a metric becomes on its way out.
func line(t *testing.T, m telegraf.Metric) string {
	t.Helper()
	s := &influx.Serializer{UintSupport: true}
	require.NoError(t, s.Init())
	text, err := s.Serialize(m)
	require.NoError(t, err)
	return string(text)
}

// requireSame compares all that can be asked of a metric.
func requireSame(t *testing.T, theirs, m telegraf.Metric) {
	t.Helper()
	require.Equal(t, theirs.Name(), m.Name())
	require.Equal(t, theirs.Time(), m.Time())
	require.Equal(t, theirs.Type(), m.Type())
	require.Equal(t, theirs.TagList(), m.TagList(), "in their order")
	require.Equal(t, theirs.FieldList(), m.FieldList(), "in their order")
	require.Equal(t, theirs.Tags(), m.Tags())
	require.Equal(t, theirs.Fields(), m.Fields())
	for _, key := range []string{"command", "host", "pid", "none"} {
		require.Equal(t, theirs.HasTag(key), m.HasTag(key), key)
		require.Equal(t, theirs.HasField(key), m.HasField(key), key)
		wantTag, want := theirs.GetTag(key)
		tag, ok := m.GetTag(key)
		require.Equal(t, want, ok, key)
		require.Equal(t, wantTag, tag, key)
		wantField, want := theirs.GetField(key)
		field, ok := m.GetField(key)
		require.Equal(t, want, ok, key)
		require.Equal(t, wantField, field, key)
	}
	require.Equal(t, theirs.HashID(), m.HashID())
	require.Equal(t, theirs.HashIDWithFieldsFiltered([]string{"host"}, []string{"pid"}), m.HashIDWithFieldsFiltered([]string{"host"}, []string{"pid"}))
	require.Equal(t, line(t, theirs), line(t, m))
}

// Others get an event's metric where they expect one of Telegraf's own, and may
// do to it what they please.
func TestEventMetricIsLikeTelegrafs(t *testing.T) {
	changes := map[string]func(telegraf.Metric){
		"nothing": func(telegraf.Metric) {},
		"name": func(m telegraf.Metric) {
			m.SetName("other")
			m.AddPrefix("a_")
			m.AddSuffix("_z")
		},
		"time and type": func(m telegraf.Metric) {
			m.SetTime(time.Unix(1, 2))
			m.SetType(telegraf.Gauge)
		},
		"tags": func(m telegraf.Metric) {
			m.AddTag("host", "h")
			m.AddTag("zone", "z")
			m.AddTag("aa", "first")
			m.AddTag("command", "changed")
		},
		"tags that go": func(m telegraf.Metric) {
			m.RemoveTag("command")
			m.RemoveTag("none")
			m.AddTag("host", "h")
			m.RemoveTag("result")
			m.RemoveTag("host")
		},
		"fields": func(m telegraf.Metric) {
			m.AddField("pid", "changed")
			for i, value := range []any{
				1, int8(-1), uint(2), uint8(3), float32(0.5), []byte("bytes"), true, "text", new(int64), (*string)(nil), struct{}{}, nil,
			} {
				m.AddField(string(rune('a'+i)), value)
			}
		},
		"fields that go": func(m telegraf.Metric) {
			m.RemoveField("pid")
			m.RemoveField("none")
			m.AddField("pid", 1)
			m.RemoveField("cmdline")
		},
		"the end": func(m telegraf.Metric) {
			m.Accept()
			m.Reject()
			m.Drop()
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			m, theirs := twins()
			change(m)
			change(theirs)
			requireSame(t, theirs, m)
			requireSame(t, theirs.Copy(), m.Copy())
		})
	}
}

// A copy has nothing in common with what it is a copy of.
func TestEventMetricCopy(t *testing.T) {
	m, _ := twins()
	before := line(t, m)
	c := m.Copy()
	c.AddTag("command", "changed")
	c.AddField("pid", int64(1))
	c.FieldList()[1].Value = "changed"
	require.Equal(t, before, line(t, m))
}

// Telegraf's buffer on disk knows its own type only, and ends Telegraf with a
// panic over any other.
func TestEventMetricInADiskBuffer(t *testing.T) {
	metric.Init()
	m, theirs := twins()
	bytes, err := metric.ToBytes(m)
	require.NoError(t, err)
	back, err := metric.FromBytes(bytes)
	require.NoError(t, err)
	require.Equal(t, line(t, theirs), line(t, back))
}
