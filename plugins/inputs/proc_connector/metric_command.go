//go:build linux

package proc_connector

import (
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/users"
)

// addCommands adds the measurement proc_connector_command.
func addCommands(acc telegraf.Accumulator, samples []processes.Sample, tags processes.Tags, names *users.Names, now time.Time) {
	for _, sample := range merged(samples, tags, names, now) {
		m := metric.New("proc_connector_command", sample.tags, nil, now)
		m.AddField("execs", sample.Counts.Execs)
		m.AddField("exits", sample.Counts.Exits)
		m.AddField("exits_failed", sample.Counts.ExitsFailed)
		m.AddField("exits_signaled", sample.Counts.ExitsSignaled)
		m.AddField("coredumps", sample.Counts.Coredumps)
		m.AddField("runtime_seconds", sample.Counts.Runtime)
		m.AddField("running", sample.Running)
		acc.AddMetric(m)
	}
}

type taggedSample struct {
	processes.Sample
	tags map[string]string
}

// merged gives the samples their tags. What has the same in the end, such as two
// users of one name, is one series: of two points with the same tags and time a
// database would keep one.
func merged(samples []processes.Sample, tags processes.Tags, names *users.Names, now time.Time) []*taggedSample {
	out := make([]*taggedSample, 0, len(samples))
	known := make(map[[4]string]*taggedSample, len(samples))
	for _, sample := range samples {
		key := [4]string{sample.Key.Command}
		if tags.User && sample.Key.UIDKnown {
			key[1] = processes.TagValue(names.Name(sample.Key.UID, now))
		}
		key[2], key[3] = processes.TagValue(sample.Key.Unit), processes.TagValue(sample.Key.ContainerID)
		if same, ok := known[key]; ok {
			same.Counts.Add(&sample.Counts)
			same.Running += sample.Running
			continue
		}
		t := &taggedSample{Sample: sample, tags: make(map[string]string, len(key))}
		for i, name := range [...]string{"command", "user", "unit", "container"} {
			if key[i] != "" {
				t.tags[name] = key[i]
			}
		}
		known[key] = t
		out = append(out, t)
	}
	return out
}
