// Package telegraf builds the real Telegraf agent and runs it for tests.
//
// The agent is Telegraf's own cmd/telegraf with the few plugins that carry
// metrics from an external plugin to where a test can read them, selected with
// build tags as docs/CUSTOMIZATION.md of Telegraf describes.
package telegraf

import (
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Version is the release of Telegraf that the tests run.
const Version = "1.39.3"

const module = "github.com/influxdata/telegraf"

var program = repo.Foreign{
	Name:    "telegraf-" + Version,
	Module:  module,
	Version: "v" + Version,
	Package: "./cmd/telegraf",
	Tags:    "custom,inputs.execd,outputs.file,outputs.influxdb,outputs.influxdb_v2,parsers.influx,serializers.influx",
	// Telegraf learns its version from the linker only.
	LDFlags: "-X " + module + "/internal.Version=" + Version,
}

// Build returns the path of the agent's binary. The first call builds it, which
// takes the better part of a minute; it is kept for all later ones.
func Build(t testing.TB) string {
	t.Helper()
	return program.Build(t)
}
