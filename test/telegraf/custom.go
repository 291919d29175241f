package telegraf

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

const (
	pluginModule  = "github.com/proc-connector/telegraf-proc-connector"
	pluginPackage = pluginModule + "/plugins/inputs/proc_connector"
	// register is the file that an operator adds to Telegraf, and the tag that
	// chooses the plugin.
	register    = "plugins/inputs/all/proc_connector.go"
	registerTag = ",inputs.proc_connector"
)

// custom is found out once in a run of the tests, as the source stays as it is.
var custom struct {
	once sync.Once
	path string
}

// BuildCustom returns the path of an agent into which the plugin of the work tree
// is compiled, beside what the agent of Build has. It is built as the plugin's
// README tells operators to: in a copy of Telegraf's source, by a file that
// imports the plugin. Copy and agent are kept, so that only what has changed is
// built again.
func BuildCustom(t testing.TB) string {
	t.Helper()
	custom.once.Do(func() {
		custom.path = repo.Program(t, "telegraf-"+Version+"-custom", func(path string) { compileCustom(t, path) })
	})
	if custom.path == "" {
		t.Fatal("The custom agent cannot be built, as an earlier test has found")
	}
	return custom.path
}

func compileCustom(t testing.TB, binary string) {
	t.Helper()
	dir := repo.Artifact(t, "telegraf-"+Version+"-source")
	copySource(t, dir)
	// Whoever follows the README gets the plugin from where it is published.
	repo.Go(t, dir, "mod", "edit", "-require="+pluginModule+"@v0.0.0", "-replace="+pluginModule+"="+repo.Root(t))
	text := registration(t)
	path := filepath.Join(dir, register)
	if old, err := os.ReadFile(path); err != nil || string(old) != text {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatalf("Adding the plugin to Telegraf: %v", err)
		}
	}
	// It is up to the go command whether there is anything to do.
	repo.Go(t, dir, "build", "-mod=mod", "-o", binary, "-tags", program.Tags+registerTag, "-ldflags", program.LDFlags, "./cmd/telegraf")
}

// registration is the file that the plugin's README has operators add to Telegraf.
func registration(t testing.TB) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(repo.Root(t), "plugins", "inputs", "proc_connector", "README.md"))
	if err != nil {
		t.Fatalf("Reading the plugin's README: %v", err)
	}
	_, text, found := strings.Cut(string(readme), "```go\n")
	text, _, closed := strings.Cut(text, "```\n")
	if !found || !closed || !strings.Contains(text, `import _ "`+pluginPackage+`"`) {
		t.Fatal("The plugin's README does not say how to compile it into Telegraf")
	}
	return text
}

// copySource copies Telegraf's source to where it can be changed, unless that has
// been done.
func copySource(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		return
	}
	// A copy that is cut short must not be taken for a finished one.
	temp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-*.tmp") //nolint:usetesting // it is renamed, which needs the same file system
	if err != nil {
		t.Fatalf("Copying the source of Telegraf: %v", err)
	}
	defer os.RemoveAll(temp)
	copied := filepath.Join(temp, "source")
	if err := os.CopyFS(copied, os.DirFS(program.Source(t))); err != nil {
		t.Fatalf("Copying the source of Telegraf: %v", err)
	}
	// What Go keeps of a module is read-only.
	err = filepath.WalkDir(copied, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && d.Name() != "go.mod" && d.Name() != "go.sum" {
			return err
		}
		return os.Chmod(path, 0o700) //nolint:gosec // G302: it is a directory, or changed by the go command
	})
	if err != nil {
		t.Fatalf("Copying the source of Telegraf: %v", err)
	}
	if err := os.Rename(copied, dir); err != nil {
		t.Fatalf("Copying the source of Telegraf: %v", err)
	}
}
