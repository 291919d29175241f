//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
)

// listenerMetric returns the measurement proc_connector_listener: the plugin on itself.
func (s *service) listenerMetric(snap *snapshot, now time.Time) telegraf.Metric {
	stats := s.session.Stats()
	var listening uint64
	if s.session.Listening() {
		listening = 1
	}
	m := metric.New("proc_connector_listener", nil, nil, now)
	m.AddField("listening", listening)
	m.AddField("events", stats.Events)
	m.AddField("lost", stats.Lost)
	m.AddField("listens", stats.Listens)
	m.AddField("ignores", stats.Ignores)
	m.AddField("deaf", stats.Deaf)
	m.AddField("deaf_depth", stats.DeafDepth)
	m.AddField("repairs", stats.Repairs)
	m.AddField("released", stats.Released)
	m.AddField("unresolved", snap.unresolved)
	m.AddField("events_dropped", s.emitter.dropped.Load()+snap.limited)
	m.AddField("resyncs", snap.resyncs)
	m.AddField("spoofed", stats.Spoofed)
	m.AddField("malformed", stats.Malformed)
	m.AddField("redacted", s.emitter.redacted.Load())
	m.AddField("processes", snap.processes)
	m.AddField("lag_seconds", s.session.TakeLag().Seconds())
	return m
}
