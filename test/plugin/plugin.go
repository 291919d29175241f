// Package plugin builds the plugin as it is in the work tree.
package plugin

import (
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

const name = "telegraf-proc-connector"

// Build builds the plugin's binary and returns its path. The go command sees to
// it that an unchanged plugin is not built again.
func Build(t testing.TB) string {
	t.Helper()
	binary := repo.Artifact(t, name)
	repo.Go(t, repo.Root(t), "build", "-o", binary, "./cmd/"+name)
	return binary
}
