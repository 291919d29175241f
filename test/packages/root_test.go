package packages_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
)

// A root is a machine's file tree in which packages can be installed: this
// machine's own, where Telegraf's user is not known.
type root struct {
	t     *testing.T
	path  string
	upper string // all that was changed

	before map[string]bool // what was changed before anything was installed
}

// newRoot lays an overlay over this machine's root. Changes go into memory, where
// files can have capabilities too, unlike on an overlay of an overlay.
func newRoot(t *testing.T) *root {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Installing packages needs root")
	}
	base := nobody.Dir(t)
	mount := func(source, target, kind, options string, flags uintptr) {
		t.Helper()
		require.NoError(t, syscall.Mount(source, target, kind, flags, options), "mounting %s", target)
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(target, syscall.MNT_DETACH)) })
	}
	mount("tmpfs", base, "tmpfs", "mode=0755", 0)
	dirs := make(map[string]string, 3)
	for _, name := range []string{"upper", "work", "root"} {
		dirs[name] = filepath.Join(base, name)
		require.NoError(t, os.Mkdir(dirs[name], 0o755)) //nolint:gosec // G301: others are to get in
	}
	r := &root{t: t, path: dirs["root"], upper: dirs["upper"]}
	mount("overlay", r.path, "overlay", fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", dirs["upper"], dirs["work"]), 0)
	mount("proc", r.file("/proc"), "proc", "", 0)
	mount("/dev", r.file("/dev"), "", "", syscall.MS_BIND)

	// Packages and users that this machine happens to have are not to play a part.
	// dpkg knows of what this package needs, and is quick.
	r.run("sh", "-c", `
		dpkg -s telegraf-proc-connector >/dev/null 2>&1 && dpkg --purge telegraf-proc-connector
		userdel -f telegraf 2>/dev/null
		groupdel telegraf 2>/dev/null
		rm -rf /etc/telegraf /run/telegraf-proc-connector /run/systemd/system
		dpkg -s libcap2-bin passwd >/dpkg-status`)
	known, err := filepath.Glob(r.file("/var/lib/dpkg/info/") + "/*")
	require.NoError(t, err)
	infos := make(map[string]string)
	for _, path := range known {
		if name := filepath.Base(path); strings.HasPrefix(name, "libcap2-bin.") || strings.HasPrefix(name, "passwd.") {
			infos[name] = r.read("/var/lib/dpkg/info/" + name)
		}
	}
	mount("tmpfs", r.file("/var/lib/dpkg"), "tmpfs", "mode=0755", 0)
	for _, name := range []string{"info", "updates", "triggers"} {
		require.NoError(t, os.Mkdir(r.file("/var/lib/dpkg/"+name), 0o750))
	}
	for name, text := range infos {
		require.NoError(t, os.WriteFile(r.file("/var/lib/dpkg/info/"+name), []byte(text), 0o600))
	}
	r.run("mv", "/dpkg-status", "/var/lib/dpkg/status")
	r.before = r.changes()
	return r
}

// file returns the path of one of the root's files, as seen from outside.
func (r *root) file(path string) string { return filepath.Join(r.path, path) }

// within has a command run in the root, with little in its environment.
func (r *root) within(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.path}
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
}

// try runs a command in the root and returns all that it prints.
func (r *root) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	r.within(cmd)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// run is try for what must succeed.
func (r *root) run(name string, args ...string) string {
	r.t.Helper()
	out, err := r.try(name, args...)
	require.NoError(r.t, err, "%s %q: %s", name, args, out)
	return out
}

// bring copies a file into the root, and returns its path there.
func (r *root) bring(from, to string) string {
	r.t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(r.file(to), b, 0o755)) //nolint:gosec // G306: others are to run it
	return to
}

// install installs a package of the root's own kind, and returns what dpkg and the
// scripts say.
func (r *root) install(deb string) string {
	r.t.Helper()
	return r.run("dpkg", "-i", r.bring(deb, "/tmp.deb"))
}

// read returns the content of a file in the root.
func (r *root) read(path string) string {
	r.t.Helper()
	b, err := os.ReadFile(r.file(path))
	require.NoError(r.t, err)
	return string(b)
}

// add adds a line to a file in the root, as an operator does.
func (r *root) add(path, line string) {
	r.t.Helper()
	f, err := os.OpenFile(r.file(path), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(r.t, err)
	_, err = f.WriteString(line + "\n")
	require.NoError(r.t, err)
	require.NoError(r.t, f.Close())
}

// changes lists all files that differ from this machine's, and directories that it does
// not have. What was removed is not among them, for which an overlay has devices in
// place: dpkg does not know the other packages that an empty directory belongs to.
func (r *root) changes() map[string]bool {
	r.t.Helper()
	changed := make(map[string]bool)
	require.NoError(r.t, filepath.WalkDir(r.upper, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(path, r.upper), "/")
		if d.Type()&fs.ModeCharDevice != 0 {
			return nil
		}
		if _, err := os.Lstat(name); !d.IsDir() || err != nil {
			changed[name] = true
		}
		return nil
	}))
	return changed
}

// requireGone fails the test if there is something by one of the names.
func (r *root) requireGone(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		_, err := os.Lstat(r.file(path))
		require.ErrorIs(r.t, err, os.ErrNotExist, path)
	}
}

// id returns the number of a user ("passwd") or group ("group") in the root, or -1.
func (r *root) id(database, name string) int {
	r.t.Helper()
	for line := range strings.Lines(r.read("/etc/" + database)) {
		if fields := strings.Split(line, ":"); fields[0] == name {
			id, err := strconv.Atoi(fields[2])
			require.NoError(r.t, err)
			return id
		}
	}
	return -1
}

// mode describes a file as "0750 root:telegraf", with a d in front for a directory.
func (r *root) mode(path string) string {
	r.t.Helper()
	info, err := os.Stat(r.file(path))
	require.NoError(r.t, err, path)
	st, ok := info.Sys().(*syscall.Stat_t)
	require.True(r.t, ok)
	names := make([]string, 0, 2)
	for _, of := range []struct {
		database string
		id       uint32
	}{{"passwd", st.Uid}, {"group", st.Gid}} {
		name := strconv.FormatUint(uint64(of.id), 10)
		for _, known := range []string{"root", "telegraf"} {
			if r.id(of.database, known) == int(of.id) {
				name = known
			}
		}
		names = append(names, name)
	}
	kind := ""
	if info.IsDir() {
		kind = "d"
	}
	return fmt.Sprintf("%s%04o %s:%s", kind, info.Mode().Perm(), names[0], names[1])
}
