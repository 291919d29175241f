// Package plugin builds the plugin as it is in the work tree, and runs it for
// tests: alone, with the test in the place of Telegraf.
package plugin

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

const name = "telegraf-proc-connector"

// binary is one way to build the plugin.
type binary struct {
	name string
	tags string

	// path is set once the binary is up to date: within one run of the tests the
	// source stays as it is, and to find that out anew costs a second each time.
	once sync.Once
	path string
}

var (
	plain       = binary{name: name}
	faultpoints = binary{name: name + "-faultpoints", tags: "faultpoints"}
	feed        = binary{name: name + "-feed", tags: "feed"}
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
// rate, and to write a profile of itself (feed.go of cmd/telegraf-proc-connector).
func BuildFeed(t testing.TB) string {
	t.Helper()
	return feed.build(t)
}

func (b *binary) build(t testing.TB) string {
	t.Helper()
	b.once.Do(func() {
		b.path = repo.Program(t, b.name, func(path string) {
			repo.Go(t, repo.Root(t), "build", "-o", path, "-tags", b.tags, "./cmd/"+name)
		})
	})
	if b.path == "" {
		t.Fatalf("%s cannot be built, as an earlier test has found", b.name)
	}
	return b.path
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
