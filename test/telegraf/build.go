// Package telegraf builds the real Telegraf agent and runs it for tests.
//
// The agent is Telegraf's own cmd/telegraf with the few plugins that carry
// metrics from an external plugin to where a test can read them, selected with
// build tags as docs/CUSTOMIZATION.md of Telegraf describes.
package telegraf

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Version is the release of Telegraf that the tests run.
const Version = "1.39.3"

const (
	module = "github.com/influxdata/telegraf"
	tags   = "custom,inputs.execd,outputs.file,outputs.influxdb,outputs.influxdb_v2,parsers.influx,serializers.influx"
	// Telegraf learns its version from the linker only.
	ldflags = "-X " + module + "/internal.Version=" + Version
)

// Build returns the path of the agent's binary. The first call builds it, which
// takes the better part of a minute; it is kept for all later ones.
func Build(t testing.TB) string {
	t.Helper()
	return repo.Program(t, "telegraf-"+Version, func(path string) {
		if !current(path) {
			compile(t, path)
		}
	})
}

func compile(t testing.TB, binary string) {
	t.Helper()
	// Both commands run outside of any module, or in Telegraf's own, so that
	// its needs do not end up in ours.
	var source struct{ Dir string }
	if err := json.Unmarshal(repo.Go(t, t.TempDir(), "mod", "download", "-json", module+"@v"+Version), &source); err != nil {
		t.Fatalf("Locating the source of Telegraf: %v", err)
	}

	// A build that is cut short must not be taken for a finished one.
	temp, err := os.CreateTemp(repo.Artifact(t, ""), "telegraf-*.tmp")
	if err != nil {
		t.Fatalf("Building Telegraf: %v", err)
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		t.Fatalf("Building Telegraf: %v", err)
	}
	repo.Go(t, source.Dir, "build", "-o", temp.Name(), "-tags", tags, "-ldflags", ldflags, "./cmd/telegraf")
	if err := os.Chmod(temp.Name(), 0o755); err != nil { //nolint:gosec // G302: it is run
		t.Fatalf("Building Telegraf: %v", err)
	}
	if err := os.Rename(temp.Name(), binary); err != nil {
		t.Fatalf("Building Telegraf: %v", err)
	}
}

// current reports whether the file is an agent built with today's settings.
func current(binary string) bool {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return false
	}
	settings := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return settings["-tags"] == tags && settings["-ldflags"] == ldflags
}
