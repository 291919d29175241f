// Package plugin builds the plugin as it is in the work tree, and runs it for
// tests: alone, with the test in the place of Telegraf.
package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

const name = "telegraf-proc-connector"

// binary is one way to build the plugin.
type binary struct {
	name    string
	tags    string
	overlay map[string]string // files of this package, by where they are laid in the source

	// path is set once the binary is up to date: within one run of the tests the
	// source stays as it is, and to find that out anew costs a second each time.
	once sync.Once
	path string
}

var (
	plain       = binary{name: name}
	faultpoints = binary{name: name + "-faultpoints", tags: "faultpoints"}
	feed        = binary{name: name + "-feed", overlay: map[string]string{
		"cmd/" + name + "/feed.go":              "testdata/feed/command.go",
		"plugins/inputs/proc_connector/feed.go": "testdata/feed/plugin.go",
	}}
)

// FaultpointEnv is the environment variable that names the point at which the
// binary of BuildFaultpoints kills itself (crash_on.go of cnproc).
const FaultpointEnv = "PROC_CONNECTOR_CRASH"

// Build builds the plugin's binary and returns its path. The go command sees to
// it that an unchanged plugin is not built again.
func Build(t testing.TB) string {
	t.Helper()
	return plain.build(t)
}

// BuildFaultpoints is Build for a binary that can be told to kill itself between
// any two steps that concern the kernel's count.
func BuildFaultpoints(t testing.TB) string {
	t.Helper()
	return faultpoints.build(t)
}

// BuildFeed is Build for a binary that can be told to report made-up execs at a
// rate, and to write a profile of itself: see testdata/feed.
func BuildFeed(t testing.TB) string {
	t.Helper()
	return feed.build(t)
}

func (b *binary) build(t testing.TB) string {
	t.Helper()
	b.once.Do(func() {
		b.path = repo.Program(t, b.name, func(path string) {
			repo.Go(t, repo.Root(t), "build", "-o", path, "-tags", b.tags, "-overlay", b.writeOverlay(t), "./cmd/"+name)
		})
	})
	if b.path == "" {
		t.Fatalf("%s cannot be built, as an earlier test has found", b.name)
	}
	return b.path
}

// writeOverlay writes what "go build -overlay" reads, and returns its path.
func (b *binary) writeOverlay(t testing.TB) string {
	t.Helper()
	replace := make(map[string]string, len(b.overlay))
	for to, from := range b.overlay {
		replace[filepath.Join(repo.Root(t), to)] = filepath.Join(repo.Root(t), "test", "plugin", from)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatalf("Describing the overlay of the build: %v", err)
	}
	path := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatalf("Writing the overlay of the build: %v", err)
	}
	return path
}

// WriteConfig writes a configuration file with one section of the plugin that
// holds the options, lines of TOML, and returns its path.
func WriteConfig(t testing.TB, options string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin.conf")
	text := "[[inputs.proc_connector]]\n" + options + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("Writing the configuration of the plugin: %v", err)
	}
	return path
}
