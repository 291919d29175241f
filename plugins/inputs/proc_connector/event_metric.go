//go:build linux

package proc_connector

import (
	"slices"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
)

const (
	maxEventTags   = 2 // command and, of an exit, result
	maxEventFields = 11
)

// An eventMetric is the metric of one event. Telegraf's own metrics keep each tag
// and each field in a piece of memory of its own, and box a value twice; this one
// is a single piece for as long as nobody adds to it. For the rest it does
// whatever Telegraf's would.
type eventMetric struct {
	name   string
	tags   []*telegraf.Tag // by their keys
	fields []*telegraf.Field
	time   time.Time
	kind   telegraf.ValueType

	// What the lists above begin in.
	tagList   [maxEventTags]*telegraf.Tag
	fieldList [maxEventFields]*telegraf.Field
	tagRoom   [maxEventTags]telegraf.Tag
	fieldRoom [maxEventFields]telegraf.Field
}

func newEventMetric(name string, t time.Time) *eventMetric {
	m := &eventMetric{name: name, time: t, kind: telegraf.Untyped}
	m.tags, m.fields = m.tagList[:0], m.fieldList[:0]
	return m
}

// tag adds a tag, of which there are at most maxEventTags. Its key comes after
// those of the others.
func (m *eventMetric) tag(key, value string) {
	t := &m.tagRoom[len(m.tags)]
	t.Key, t.Value = key, value
	m.tags = append(m.tags, t)
}

// set adds a field, of which there are at most maxEventFields. The value is one
// of the types that Telegraf knows: int64, uint64, float64, string, bool.
func (m *eventMetric) set(key string, value any) {
	f := &m.fieldRoom[len(m.fields)]
	f.Key, f.Value = key, value
	m.fields = append(m.fields, f)
}

// Unwrap makes one of Telegraf's own metrics of it. It is for what that can do
// and this cannot, which all ask for it: buffers on disk and templates.
func (m *eventMetric) Unwrap() telegraf.Metric { return metric.FromMetric(m) }

// Copy implements telegraf.Metric.
func (m *eventMetric) Copy() telegraf.Metric { return m.Unwrap() }

// Name implements telegraf.Metric.
func (m *eventMetric) Name() string { return m.name }

// Tags implements telegraf.Metric.
func (m *eventMetric) Tags() map[string]string { return m.Unwrap().Tags() }

// TagList implements telegraf.Metric.
func (m *eventMetric) TagList() []*telegraf.Tag { return m.tags }

// Fields implements telegraf.Metric.
func (m *eventMetric) Fields() map[string]any { return m.Unwrap().Fields() }

// FieldList implements telegraf.Metric.
func (m *eventMetric) FieldList() []*telegraf.Field { return m.fields }

// Time implements telegraf.Metric.
func (m *eventMetric) Time() time.Time { return m.time }

// Type implements telegraf.Metric.
func (m *eventMetric) Type() telegraf.ValueType { return m.kind }

// SetName implements telegraf.Metric.
func (m *eventMetric) SetName(name string) { m.name = name }

// AddPrefix implements telegraf.Metric.
func (m *eventMetric) AddPrefix(prefix string) { m.name = prefix + m.name }

// AddSuffix implements telegraf.Metric.
func (m *eventMetric) AddSuffix(suffix string) { m.name += suffix }

// findTag returns where a tag is or, if there is none of that key, where it
// belongs.
func (m *eventMetric) findTag(key string) (at int, found bool) {
	return slices.BinarySearchFunc(m.tags, key, func(t *telegraf.Tag, key string) int { return strings.Compare(t.Key, key) })
}

// GetTag implements telegraf.Metric.
func (m *eventMetric) GetTag(key string) (string, bool) {
	if at, found := m.findTag(key); found {
		return m.tags[at].Value, true
	}
	return "", false
}

// HasTag implements telegraf.Metric.
func (m *eventMetric) HasTag(key string) bool {
	_, found := m.findTag(key)
	return found
}

// AddTag implements telegraf.Metric.
func (m *eventMetric) AddTag(key, value string) {
	at, found := m.findTag(key)
	if found {
		m.tags[at].Value = value
		return
	}
	m.tags = slices.Insert(m.tags, at, &telegraf.Tag{Key: key, Value: value})
}

// RemoveTag implements telegraf.Metric.
func (m *eventMetric) RemoveTag(key string) {
	if at, found := m.findTag(key); found {
		m.tags = slices.Delete(m.tags, at, at+1)
	}
}

func (m *eventMetric) findField(key string) int {
	return slices.IndexFunc(m.fields, func(f *telegraf.Field) bool { return f.Key == key })
}

// GetField implements telegraf.Metric.
func (m *eventMetric) GetField(key string) (any, bool) {
	if at := m.findField(key); at >= 0 {
		return m.fields[at].Value, true
	}
	return nil, false
}

// HasField implements telegraf.Metric.
func (m *eventMetric) HasField(key string) bool { return m.findField(key) >= 0 }

// AddField implements telegraf.Metric.
func (m *eventMetric) AddField(key string, value any) {
	// Telegraf knows what becomes of values of other types.
	scratch := metric.New("", nil, nil, time.Time{})
	scratch.AddField(key, value)
	field := scratch.FieldList()[0]
	if at := m.findField(key); at >= 0 {
		m.fields[at] = field
		return
	}
	m.fields = append(m.fields, field)
}

// RemoveField implements telegraf.Metric.
func (m *eventMetric) RemoveField(key string) {
	if at := m.findField(key); at >= 0 {
		m.fields = slices.Delete(m.fields, at, at+1)
	}
}

// SetTime implements telegraf.Metric.
func (m *eventMetric) SetTime(t time.Time) { m.time = t }

// SetType implements telegraf.Metric.
func (m *eventMetric) SetType(t telegraf.ValueType) { m.kind = t }

// HashID implements telegraf.Metric.
func (m *eventMetric) HashID() uint64 { return m.Unwrap().HashID() }

// HashIDWithFieldsFiltered implements telegraf.Metric.
func (m *eventMetric) HashIDWithFieldsFiltered(excludedTags, excludedFields []string) uint64 {
	return m.Unwrap().HashIDWithFieldsFiltered(excludedTags, excludedFields)
}

// Accept implements telegraf.Metric.
func (*eventMetric) Accept() {}

// Reject implements telegraf.Metric.
func (*eventMetric) Reject() {}

// Drop implements telegraf.Metric.
func (*eventMetric) Drop() {}
