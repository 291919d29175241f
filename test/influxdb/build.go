// Package influxdb runs the real InfluxDB for tests, each an instance of its own
// that listens on the loopback interface only and keeps what it stores in a
// directory that goes with the test.
package influxdb

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/debian"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Version is the release that Build builds. Of those that can be built with Go
// alone it is the last one, and it knows both InfluxQL and Flux.
const Version = "1.8.10"

var program = repo.Foreign{
	Name:    "influxd-" + Version,
	Module:  "github.com/influxdata/influxdb",
	Version: "v" + Version,
	Package: "./cmd/influxd",
}

// Build returns the path of influxd. The first call builds it, which takes a
// minute; it is kept for all later ones.
func Build(t testing.TB) string {
	t.Helper()
	return program.Build(t)
}

// Debian returns the path of the influxd that Debian has packaged, which is older
// and knows InfluxQL only. The package is unpacked and not installed, since that
// would start a service.
func Debian(t testing.TB) string {
	t.Helper()
	return repo.Program(t, "influxd-debian", func(path string) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		// On the same file system, so that the program can be moved.
		temp := path + ".tmp"
		defer os.RemoveAll(temp)
		err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o750))
		if err == nil {
			err = debian.Unpack(temp, func() (string, error) { return "influxdb", nil })
		}
		if err == nil {
			err = os.Rename(filepath.Join(temp, "usr", "bin", "influxd"), path)
		}
		if err != nil {
			t.Fatalf("Unpacking InfluxDB: %v", err)
		}
	})
}
