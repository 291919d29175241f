package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// kernel returns the path of a kernel of the series, the newest one that Debian
// has for machines in a cloud: all that our guests need is built into it, so the
// modules stay behind. Once it is there it is kept, until "make clean".
func kernel(t testing.TB, series string) string {
	t.Helper()
	dir := filepath.Join(repo.Root(t), "build", "vm")
	path := filepath.Join(dir, "vmlinuz-"+series)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatalf("Making the folder for kernels: %v", err)
	}
	temp, err := os.MkdirTemp(dir, "unpack-")
	if err != nil {
		t.Fatalf("Unpacking a kernel: %v", err)
	}
	defer os.RemoveAll(temp)

	name := newestPackage(t, series)
	command(t, temp, "apt-get", "download", "-qq", name)
	command(t, temp, "sh", "-c", "dpkg-deb -x *.deb .")
	images, err := filepath.Glob(filepath.Join(temp, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("Package %s has %d kernels (%v)", name, len(images), err)
	}
	if err := os.Rename(images[0], path); err != nil {
		t.Fatalf("Keeping a kernel: %v", err)
	}
	return path
}

func newestPackage(t testing.TB, series string) string {
	t.Helper()
	list := func() string {
		return newest(series, command(t, "", "apt-cache", "pkgnames", "linux-image-"+series+"."))
	}
	if name := list(); name != "" {
		return name
	}
	command(t, "", "apt-get", "update", "-qq")
	name := list()
	if name == "" {
		t.Fatalf("The package sources of this machine have no linux-image-%s.*-cloud-amd64", series)
	}
	return name
}

var numbers = regexp.MustCompile(`[0-9]+`)

// newest returns the newest of the signed kernels among the names of packages.
func newest(series, names string) string {
	kind := regexp.MustCompile(fmt.Sprintf(`^linux-image-%s\.[0-9].*-cloud-amd64$`, regexp.QuoteMeta(series)))
	var best string
	var version []int
	for name := range strings.Lines(names) {
		name = strings.TrimSpace(name)
		if !kind.MatchString(name) {
			continue
		}
		var v []int
		for _, text := range numbers.FindAllString(name, -1) {
			// Digits only: too many of them give the largest number.
			n, _ := strconv.Atoi(text) //nolint:errcheck // as said
			v = append(v, n)
		}
		if slices.Compare(v, version) > 0 {
			best, version = name, v
		}
	}
	return best
}

// command runs a program and returns its output.
func command(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}
