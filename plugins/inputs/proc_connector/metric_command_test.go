//go:build linux

package proc_connector

import (
	"os/user"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/users"
)

func TestCommandMetrics(t *testing.T) {
	names := users.Names{Lookup: func(uid string) (*user.User, error) {
		if uid == "7" {
			return nil, user.UnknownUserIdError(7)
		}
		return &user.User{Username: "admin"}, nil
	}}
	sample := func(uid uint32, n uint64) processes.Sample {
		return processes.Sample{
			Key:     processes.Key{Command: "sh", UID: uid, UIDKnown: true, Unit: `a\x2db.service`, ContainerID: "c\\"},
			Counts:  processes.Counts{Execs: n, Exits: 2 * n, ExitsFailed: 3 * n, ExitsSignaled: 4 * n, Coredumps: 5 * n, Runtime: 0.5},
			Running: n,
		}
	}
	fields := func(n uint64, runtime float64) map[string]interface{} {
		return map[string]interface{}{
			"execs": n, "exits": 2 * n, "exits_failed": 3 * n, "exits_signaled": 4 * n, "coredumps": 5 * n, "runtime_seconds": runtime, "running": n,
		}
	}
	now := time.Unix(1000, 0)
	var acc testutil.Accumulator
	// Two users with one name are one series in a database.
	samples := []processes.Sample{sample(0, 1), sample(5, 10), sample(7, 1), {Key: processes.Key{Command: processes.Other}}}
	addCommands(&acc, samples, processes.Tags{User: true}, &names, now)

	tags := func(name string) map[string]string {
		return map[string]string{"command": "sh", "user": name, "unit": `a\x2db.service`, "container": `c\x5c`}
	}
	testutil.RequireMetricsEqual(t, []telegraf.Metric{
		metric.New("proc_connector_command", tags("admin"), fields(11, 1), now),
		metric.New("proc_connector_command", tags("7"), fields(1, 0.5), now),
		metric.New("proc_connector_command", map[string]string{"command": "_other"}, fields(0, 0), now),
	}, acc.GetTelegrafMetrics())
	require.Len(t, samples, 4)
}
