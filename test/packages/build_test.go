package packages_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// packages are those of this machine's architecture.
type packages struct{ deb, rpm string }

var (
	buildOnce sync.Once
	built     packages
)

// build makes the packages as an operator does, and returns their paths. The first
// call does it for all.
func build(t *testing.T) packages {
	t.Helper()
	buildOnce.Do(func() {
		dir := repo.Artifact(t, "packages")
		cmd := exec.Command("make", "packages", "PACKAGE_ARCHS="+runtime.GOARCH, "PACKAGES="+dir)
		cmd.Dir = repo.Root(t)
		// Where make runs the tests, this is not a part of that run.
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		built = find(t, dir)
	})
	require.NotEmpty(t, built, "as an earlier test has found, they cannot be built")
	return built
}

func find(t *testing.T, dir string) packages {
	t.Helper()
	one := func(pattern string) string {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, files, 1, pattern)
		return files[0]
	}
	return packages{deb: one("*.deb"), rpm: one("*.rpm")}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

// Whoever builds the packages of a commit gets the same bytes, wherever the source
// lies and whatever the environment is.
func TestReproducible(t *testing.T) {
	first := build(t)
	at := t.TempDir()
	copySource(t, at)

	// The version and the time come from git, and there is none.
	version := strings.TrimSpace(output(t, "dpkg-deb", "-f", first.deb, "Version"))
	out := filepath.Join(at, "out")
	cmd := exec.Command("sh", "-c", `umask 077; exec packaging/build "$@"`, "sh", runtime.GOARCH, out)
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "TZ=Asia/Tokyo", "LANG=C", "NFPM="+nfpm(t), "VERSION="+programVersion(t, first.deb), "SOURCE_DATE_EPOCH="+commitTime(t))
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))

	second := find(t, out)
	require.Equal(t, version, strings.TrimSpace(output(t, "dpkg-deb", "-f", second.deb, "Version")))
	for _, pair := range [][2]string{{first.deb, second.deb}, {first.rpm, second.rpm}} {
		require.Equal(t, filepath.Base(pair[0]), filepath.Base(pair[1]))
		require.Equal(t, sum(t, pair[0]), sum(t, pair[1]), filepath.Base(pair[0]))
	}
}

// copySource copies the files of the work tree that git knows, or would add.
func copySource(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "cmd", "plugins", "packaging",
		"go.mod", "go.sum", "sample.conf", "LICENSE", "CHANGELOG.md")
	list.Dir = repo.Root(t)
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		from := filepath.Join(repo.Root(t), name)
		info, err := os.Stat(from)
		if os.IsNotExist(err) {
			continue // removed, but not yet in a commit
		}
		require.NoError(t, err)
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		target := filepath.Join(to, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o750))
		require.NoError(t, os.WriteFile(target, b, info.Mode().Perm()))
	}
}

// nfpm is the one that "make packages" has built.
func nfpm(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repo.Root(t), "build", "tools", "nfpm-*", "nfpm"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found[len(found)-1]
}

func commitTime(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(output(t, "git", "-C", repo.Root(t), "log", "-1", "--format=%ct"))
}

// programVersion is what the program of a package says of itself.
func programVersion(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", deb, dir)
	said := output(t, filepath.Join(dir, program), "--version")
	return strings.Fields(said)[1]
}

func sum(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// lintian finds nothing, and what it is told to overlook is there.
func TestLintian(t *testing.T) {
	out := output(t, "lintian", "--fail-on", "error,warning", "--display-info", "--tag-display-limit", "0", "--allow-root", build(t).deb)
	require.NotRegexp(t, `(?m)^[EW]: `, out)
	require.NotContains(t, out, "-override ", "an override that nothing needs")
}

// The scripts of both packages, as they are in them.
func TestScripts(t *testing.T) {
	p := build(t)
	dir := t.TempDir()
	output(t, "dpkg-deb", "-e", p.deb, dir)
	scripts := make([]string, 0, 8)
	for _, name := range []string{"preinst", "postinst", "prerm", "postrm"} {
		scripts = append(scripts, filepath.Join(dir, name))
	}
	for _, tag := range []string{"PREIN", "POSTIN", "PREUN", "POSTUN"} {
		path := filepath.Join(dir, tag)
		text := output(t, "rpm", "-qp", "--qf", "%{"+tag+"}", p.rpm)
		require.True(t, strings.HasPrefix(text, "#!/bin/sh\n"), tag)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		scripts = append(scripts, path)
	}
	for _, script := range scripts {
		output(t, "sh", "-n", script)
	}
	// Each has all of the functions and uses some.
	output(t, "shellcheck", append([]string{"--shell=dash", "--exclude=SC2317,SC2034"}, scripts...)...)
	output(t, "shellcheck", filepath.Join(repo.Root(t), "packaging", "build"))
}
