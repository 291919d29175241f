package vm

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
)

// image builds the guest's root file system and returns its path. It is not
// compressed: to unpack it would take an emulated machine longer than to read it.
func image(t testing.TB) string {
	t.Helper()
	root := repo.Root(t)
	tests := repo.Artifact(t, "vm")
	build := func(args ...string) {
		repo.Go(t, filepath.Join(root, "test"), args...)
	}
	// Without symbols, which nobody would look at.
	init := filepath.Join(tests, "init")
	build("build", "-ldflags", "-s -w", "-o", init, "./vm/cmd/init")
	for _, s := range suites {
		build("test", "-c", "-ldflags", "-s -w", "-o", filepath.Join(tests, s.name()), "./"+s.pkg)
	}

	file := filepath.Join(tests, "initramfs.cpio")
	out, err := os.Create(file)
	if err != nil {
		t.Fatalf("Making the root file system: %v", err)
	}
	defer out.Close()
	r := newTree(out)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("Making the root file system: %v", err)
		}
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/tmp", "/run", "/root"} {
		r.dir(dir)
	}
	// Where it is a link to /usr/bin, as it has long been, that is followed.
	must(r.same("/bin"))
	// The kernel opens it for init before anything is mounted.
	r.w.Char("/dev/console", 0o600, 5, 1)
	for name, content := range files {
		r.text(name, content)
	}
	for _, name := range programs {
		must(r.program(name))
	}
	for _, build := range artifacts {
		built := build(t)
		must(r.file(path.Join(wire.Artifacts, filepath.Base(built)), built))
	}
	must(r.file("/init", init))
	for _, s := range suites {
		must(r.file(path.Join(wire.Tests, s.name()), filepath.Join(tests, s.name())))
	}
	plan, err := json.Marshal(plan())
	must(err)
	r.text(wire.PlanPath, string(plan))
	must(r.close())
	return file
}

func (s suite) name() string { return path.Base(s.pkg) }

func plan() wire.Plan {
	p := wire.Plan{Env: environment}
	for _, s := range suites {
		args := []string{"-test.v=test2json", "-test.timeout=" + suiteLimit.String()}
		if s.run != "" {
			args = append(args, "-test.run="+s.run)
		}
		if s.skip != "" {
			args = append(args, "-test.skip="+s.skip)
		}
		p.Runs = append(p.Runs, wire.Run{Name: s.name(), Args: args})
	}
	return p
}
