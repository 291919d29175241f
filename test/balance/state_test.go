package balance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// mount mounts a tmpfs for the test and returns its path.
func mount(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Needs root, to mount")
	}
	dir := filepath.Join(t.TempDir(), "mount")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, unix.Mount("none", dir, "tmpfs", 0, "mode=0700,"+options))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

// directory makes one that would do.
func directory(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "directory")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

// badStateDirs are directories in which no lease can be kept, and what the plugin says
// of them.
var badStateDirs = []struct {
	name string
	make func(t *testing.T) string
	says string
}{
	{"symbolic link", func(t *testing.T) string {
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(directory(t), link))
		return link
	}, "symbolic link"},
	{"link to nowhere", func(t *testing.T) string {
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(filepath.Join(t.TempDir(), "nowhere"), link))
		return link
	}, "file exists"},
	{"writable to all", func(t *testing.T) string {
		dir := directory(t)
		require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // G302: that is the mistake
		return dir
	}, "may be written to by others (mode 0777)"},
	{"writable to all, sticky", func(t *testing.T) string {
		dir := directory(t)
		require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
		return dir
	}, "may be written to by others"},
	{"writable to the group", func(t *testing.T) string {
		dir := directory(t)
		require.NoError(t, os.Chmod(dir, 0o770)) //nolint:gosec // G302: that is the mistake
		return dir
	}, "may be written to by others (mode 0770)"},
	{"a file", func(t *testing.T) string {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		return file
	}, "not a directory"},
	{"below a file", func(t *testing.T) string {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		return filepath.Join(file, "state")
	}, "not a directory"},
	{"a FIFO", func(t *testing.T) string {
		fifo := filepath.Join(t.TempDir(), "fifo")
		require.NoError(t, unix.Mkfifo(fifo, 0o600))
		return fifo
	}, "not a directory"},
	{"in proc", func(*testing.T) string { return "/proc/proc-connector/state" }, "no such file or directory"},
	{"read-only", func(t *testing.T) string {
		return mount(t, "ro")
	}, "read-only file system"},
	{"below what is read-only", func(t *testing.T) string {
		return filepath.Join(mount(t, "ro"), "state")
	}, "read-only file system"},
	{"no inodes", func(t *testing.T) string {
		return mount(t, "nr_inodes=1")
	}, "no space left on device"},
	{"full", func(t *testing.T) string {
		dir := mount(t, "size=4096")
		require.NoError(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 4096), 0o600))
		return dir
	}, "no space left on device"},
	{"name too long", func(t *testing.T) string {
		return filepath.Join(t.TempDir(), strings.Repeat("a", 256))
	}, "file name too long"},
}

// Leases are for the case that the plugin is killed. Where none can be kept all
// the rest goes on as ever, with one warning.
func TestBadStateDir(t *testing.T) {
	for _, bad := range badStateDirs {
		t.Run(bad.name, func(t *testing.T) {
			k := alone(t)
			dir := bad.make(t)
			p := plugin.Start(t, plugin.StateDir(dir))
			k.require(1)
			requireHears(t, p)
			for range 2 {
				requireListener(t, p.Gather(), fields{"listening": 1, "listens": 1, "deaf": 0})
			}
			requireWarnings(t, p, logNoLease)
			require.Contains(t, check.Warnings(p.Stderr())[0], bad.says)

			// Repair needs no lease.
			k.set(-1)
			requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 1, "repairs": 2})
			requireHears(t, p)

			stop(t, p)
			k.require(0)
			require.Empty(t, check.Errors(p.Stderr()))
		})
	}
}

// Killed there, the plugin leaves a LISTEN that nobody can know of, and claims none.
func TestKilledWithBadStateDir(t *testing.T) {
	for _, bad := range badStateDirs {
		t.Run(bad.name, func(t *testing.T) {
			k := alone(t)
			dir := bad.make(t)
			kill(t, plugin.Start(t, plugin.StateDir(dir)))
			k.require(1)

			p := plugin.Start(t, plugin.StateDir(dir))
			requireHears(t, p)
			requireListener(t, p.Gather(), fields{"listening": 1, "released": 0, "deaf": 0})
			k.require(2)
			stop(t, p)
			k.require(1)
			k.set(0)
		})
	}
}

// A directory that is there and fit is taken as it is; one that is not is made so that
// nobody else gets in.
func TestGoodStateDir(t *testing.T) {
	for name, dir := range map[string]func(t *testing.T) string{
		"mode 0700": directory,
		"mode 0755": func(t *testing.T) string {
			dir := directory(t)
			require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // G302: others may look
			return dir
		},
		"to be made":       func(t *testing.T) string { return filepath.Join(t.TempDir(), "state") },
		"to be made, deep": func(t *testing.T) string { return filepath.Join(t.TempDir(), "one", "two", "three") },
		"with a slash":     func(t *testing.T) string { return directory(t) + "/" },
		"below a link": func(t *testing.T) string {
			link := filepath.Join(t.TempDir(), "link")
			require.NoError(t, os.Symlink(directory(t), link))
			return filepath.Join(link, "state")
		},
		"of several the first": func(t *testing.T) string { return directory(t) },
	} {
		t.Run(name, func(t *testing.T) {
			k := alone(t)
			path := dir(t)
			_, missing := os.Stat(path)
			value := path
			if name == "of several the first" {
				value += ":" + directory(t)
			}
			p := plugin.Start(t, plugin.StateDir(value))
			lease, _ := oneLease(t, path)
			info, err := os.Stat(lease)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
			if missing != nil {
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Equal(t, os.ModeDir|0o700, info.Mode())
			}
			kill(t, p)
			k.require(1)

			p = plugin.Start(t, plugin.StateDir(value))
			requireListener(t, p.Gather(), fields{"released": 1})
			k.require(1)
			stop(t, p)
			k.require(0)
			requireWarnings(t, p)
		})
	}
}
