package repo

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Foreign is a program of somebody else's that tests build from its source.
type Foreign struct {
	Name    string // of the file
	Module  string
	Version string
	Package string // of the module, as "./cmd/program"
	Tags    string
	LDFlags string
}

// Build returns the path of the program. The first call builds it, which may take
// the better part of a minute; it is kept for all later ones.
func (f *Foreign) Build(t testing.TB) string {
	t.Helper()
	return Program(t, f.Name, func(path string) {
		if !f.current(path) {
			f.compile(t, path)
		}
	})
}

func (f *Foreign) compile(t testing.TB, binary string) {
	t.Helper()
	source := f.Source(t)

	// A build that is cut short must not be taken for a finished one.
	temp, err := os.CreateTemp(Artifact(t, ""), f.Name+"-*.tmp")
	if err != nil {
		t.Fatalf("Building %s: %v", f.Name, err)
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		t.Fatalf("Building %s: %v", f.Name, err)
	}
	Go(t, source, "build", "-o", temp.Name(), "-tags", f.Tags, "-ldflags", f.LDFlags, f.Package)
	if err := os.Chmod(temp.Name(), 0o755); err != nil { //nolint:gosec // G302: it is run
		t.Fatalf("Building %s: %v", f.Name, err)
	}
	if err := os.Rename(temp.Name(), binary); err != nil {
		t.Fatalf("Building %s: %v", f.Name, err)
	}
}

// Source returns the directory of the module's source, which nobody may change.
func (f *Foreign) Source(t testing.TB) string {
	t.Helper()
	// This runs outside of any module, and a build in the program's own, so that its
	// needs do not end up in ours.
	var module struct{ Dir string }
	if err := json.Unmarshal(Go(t, t.TempDir(), "mod", "download", "-json", f.Module+"@"+f.Version), &module); err != nil {
		t.Fatalf("Locating the source of %s: %v", f.Name, err)
	}
	return module.Dir
}

// current reports whether the file is the program, built with today's settings.
func (f *Foreign) current(binary string) bool {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return false
	}
	settings := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	// With -trimpath Go does not keep the flags of the linker.
	flags := settings["-trimpath"] == "true" || settings["-ldflags"] == f.LDFlags
	return info.Path == f.Module+strings.TrimPrefix(f.Package, ".") && settings["-tags"] == f.Tags && flags
}
