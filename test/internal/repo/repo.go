// Package repo finds the repository that a test runs in, and builds what tests
// need below its build directory.
package repo

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// mainModule is the module line of the repository's own go.mod, which tells it
// from the go.mod of the tests.
const mainModule = "module github.com/proc-connector/telegraf-proc-connector\n"

// Root returns the directory of the main module: the working directory, which go
// test sets to that of the package under test, or one above it.
func Root(t testing.TB) string {
	t.Helper()
	start, err := os.Getwd()
	if err != nil {
		t.Fatalf("CheckResult the repository: %v", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil && bytes.HasPrefix(mod, []byte(mainModule)):
			return dir
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			t.Fatalf("CheckResult the repository: %v", err)
		case dir == filepath.Dir(dir):
			t.Fatalf("No repository of %q at or above %s", bytes.TrimSpace([]byte(mainModule)), start)
		}
	}
}

// PrebuiltEnv is the environment variable that names a directory with everything
// that tests build. Where it is set there is neither a repository nor Go.
const PrebuiltEnv = "PROC_CONNECTOR_TEST_ARTIFACTS"

// Program returns the path of a program that tests run, after build has brought
// it up to date: a file that need not exist yet, in a directory that does. If the
// programs were prebuilt, it is the one of that name.
func Program(t testing.TB, name string, build func(path string)) string {
	t.Helper()
	if dir := os.Getenv(PrebuiltEnv); dir != "" {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("A prebuilt program is missing, and may have to be added to artifacts of test/vm: %v", err)
		}
		return path
	}
	path := Artifact(t, name)
	// go test runs several packages at a time, and one must not replace what another
	// runs. The second finds that there is nothing to do.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatalf("Building %s: %v", name, err)
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("Building %s: %v", name, os.NewSyscallError("flock", err))
	}
	build(path)
	return path
}

// Artifact returns the path of a file that tests build and keep. The directory
// exists, the file need not.
func Artifact(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(Root(t), "build", "test")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatalf("Making the directory for %s: %v", name, err)
	}
	return filepath.Join(dir, name)
}

// Go runs the go command in dir and returns its output. Builds are static, and
// free of what the caller's environment and the state of the work tree would
// add to them.
func Go(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false -trimpath", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s in %s: %v\n%s%s", cmd, dir, err, out, stderr.Bytes())
	}
	return out
}
