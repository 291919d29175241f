package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/debian"
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
	// On the same file system, so that the kernel can be moved.
	temp := filepath.Join(dir, "unpack-"+series)
	defer os.RemoveAll(temp)

	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o750)); err != nil {
		t.Fatalf("Unpacking a kernel: %v", err)
	}
	if err := debian.Unpack(temp, func() (string, error) { return packageOf(series) }); err != nil {
		t.Fatalf("Unpacking a kernel: %v", err)
	}
	images, err := filepath.Glob(filepath.Join(temp, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("The package has %d kernels (%v)", len(images), err)
	}
	if err := os.Rename(images[0], path); err != nil {
		t.Fatalf("Keeping a kernel: %v", err)
	}
	return path
}

// packageOf returns the name of the package of the newest kernel.
func packageOf(series string) (string, error) {
	names, err := debian.Output("", "apt-cache", "pkgnames", "linux-image-"+series+".")
	if err != nil {
		return "", err
	}
	name := newest(series, names)
	if name == "" {
		return "", fmt.Errorf("the package sources of this machine have no linux-image-%s.*-cloud-amd64", series)
	}
	return name, nil
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
