package packages_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Where the packages put things.
const (
	program = "/usr/bin/telegraf-proc-connector"
	config  = "/etc/telegraf/proc_connector.conf"
	snippet = "/etc/telegraf/telegraf.d/proc_connector.conf"
	state   = "/run/telegraf-proc-connector"
	dropIn  = "/usr/lib/systemd/system/telegraf.service.d/proc_connector.conf"
)

// rights are the capabilities that the program needs, and no others.
const rights = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_NICE | 1<<unix.CAP_SYS_PTRACE

// requireRights fails the test unless the file has these capabilities.
//
// include/uapi/linux/capability.h
//
//	struct vfs_cap_data {
//		__le32 magic_etc;	/* VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE */
//		struct { __le32 permitted; __le32 inheritable; } data[2];
//	};
func (r *root) requireRights(want uint64) {
	r.t.Helper()
	b := make([]byte, 64)
	n, err := unix.Lgetxattr(r.file(program), "security.capability", b)
	if want == 0 {
		require.ErrorIs(r.t, err, unix.ENODATA)
		return
	}
	require.NoError(r.t, err)
	require.GreaterOrEqual(r.t, n, 20)
	word := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4*i:])) }
	require.EqualValues(r.t, 1, word(0)&1, "effective")
	require.Equal(r.t, want, word(1)|word(3)<<32, "permitted")
	require.Zero(r.t, word(2)|word(4)<<32, "inheritable")
}

// requireInstalled fails the test unless everything is as it shall be.
func (r *root) requireInstalled() {
	r.t.Helper()
	for path, want := range map[string]string{
		program:               "0750 root:telegraf",
		config:                "0640 root:telegraf",
		snippet:               "0644 root:root",
		filepath.Dir(config):  "d0755 root:root",
		filepath.Dir(snippet): "d0755 root:root",
		state:                 "d0700 telegraf:telegraf",
		dropIn:                "0644 root:root",
		"/usr/lib/tmpfiles.d/telegraf-proc-connector.conf":                  "0644 root:root",
		"/usr/share/man/man1/telegraf-proc-connector.1.gz":                  "0644 root:root",
		"/usr/share/doc/telegraf-proc-connector/copyright":                  "0644 root:root",
		"/usr/share/doc/telegraf-proc-connector/changelog.gz":               "0644 root:root",
		"/usr/share/doc/telegraf-proc-connector/third-party-licenses.gz":    "0644 root:root",
		"/usr/share/bash-completion/completions/telegraf-proc-connector":    "0644 root:root",
		"/usr/share/fish/vendor_completions.d/telegraf-proc-connector.fish": "0644 root:root",
	} {
		require.Equal(r.t, want, r.mode(path), path)
	}
	r.requireRights(rights)
}

// requirePurged fails the test if anything of the package is left.
func (r *root) requirePurged() {
	r.t.Helper()
	r.requireGone(program, "/etc/telegraf", state, filepath.Dir(dropIn))
	for path := range r.changes() {
		// The user that was made, and the package that was brought.
		if !r.before[path] && !strings.HasSuffix(path, ".deb") {
			require.Regexp(r.t, `^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/etc/\.pwd\.lock$|^/var/log/`, path)
		}
	}
	_, err := r.try("dpkg", "-s", "telegraf-proc-connector")
	require.Error(r.t, err)
}

// A package of a later version, in which both files of configuration have changed.
func later(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "dpkg-deb", "-R", deb, dir)
	output(t, "sed", "-i", "s/^Version: .*/Version: 99.0/", filepath.Join(dir, "DEBIAN", "control"))
	for _, path := range []string{config, snippet} {
		f, err := os.OpenFile(filepath.Join(dir, path), os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString("# later\n")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	out := filepath.Join(t.TempDir(), "later.deb")
	output(t, "dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, out)
	return out
}

func TestInstall(t *testing.T) {
	deb := build(t).deb
	tests := map[string]string{
		"before Telegraf": "true",
		// As the scripts of Telegraf's own packages do it.
		"after Telegraf": `groupadd -r telegraf && useradd -r -M telegraf -s /bin/false -d /etc/telegraf -g telegraf &&
			mkdir -p /etc/telegraf/telegraf.d && touch /etc/telegraf/telegraf.conf`,
		"without systemd": `rm -f "$(command -v systemd-tmpfiles)"`,
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoot(t)
			r.run("sh", "-c", before)
			said := r.install(deb)
			require.NotContains(t, said, "WARNING")
			r.requireInstalled()
			require.Equal(t, "/etc/telegraf:/bin/false\n", r.run("sh", "-c", "getent passwd telegraf | cut -d: -f6-"))
			require.Contains(t, r.run(program, "--version"), "telegraf-proc-connector ")
		})
	}
}

// Whatever an operator has changed survives.
func TestUpgrade(t *testing.T) {
	deb := build(t).deb
	r := newRoot(t)
	r.install(deb)
	r.run("systemd-tmpfiles", "--remove", "--create", "telegraf-proc-connector.conf")

	// A file that nobody has touched is replaced, and remains the group's.
	r.add(snippet, "  interval = '1m'")
	said := r.run("dpkg", "-i", "--force-confdef", "--force-confold", r.bring(later(t, deb), "/later.deb"))
	require.NotContains(t, said, "WARNING")
	r.requireInstalled()
	require.Contains(t, r.read(config), "# later")
	require.Contains(t, r.read(snippet), "interval = '1m'")
	require.NotContains(t, r.read(snippet), "# later")
	require.Contains(t, r.read(snippet+".dpkg-dist"), "# later")

	// Another group is to run it, and to read the options.
	r.run("dpkg-statoverride", "--add", "--update", "root", "adm", "0710", program)
	r.run("chown", "root:adm", config)
	r.run("dpkg", "-i", "--force-confold", "/later.deb")
	require.Regexp(t, "^0710 root:", r.mode(program))
	require.NotContains(t, r.mode(program), "telegraf")
	require.NotContains(t, r.mode(config), "telegraf")
	r.requireRights(rights)
	r.run("dpkg-statoverride", "--remove", program)
}

// Telegraf does not start when a program is missing that it is told to run. So what
// tells it goes with the program, and comes back with it.
func TestRemoveAndReturn(t *testing.T) {
	deb := build(t).deb
	r := newRoot(t)
	r.install(deb)
	r.add(snippet, "  interval = '1m'")
	r.add(config, "# mine")

	said := r.run("dpkg", "-r", "telegraf-proc-connector")
	require.Contains(t, said, "the plugin runs on until then")
	require.NotContains(t, said, "WARNING")
	r.requireGone(program, snippet, dropIn)
	require.Contains(t, r.read(config), "# mine")
	require.Contains(t, r.read(snippet+".removed"), "interval = '1m'")

	r.install(deb)
	r.requireInstalled()
	r.requireGone(snippet + ".removed")
	require.Contains(t, r.read(snippet), "interval = '1m'")
	require.Contains(t, r.read(config), "# mine")

	// What an operator does not want stays away.
	r.run("rm", snippet)
	r.run("dpkg", "-r", "telegraf-proc-connector")
	r.install(deb)
	r.requireGone(snippet, snippet+".removed")

	r.run("dpkg", "--purge", "telegraf-proc-connector")
	r.requirePurged()
}

func TestPurge(t *testing.T) {
	deb := build(t).deb
	for name, steps := range map[string][]string{
		"at once":       {"--purge"},
		"after removal": {"-r", "--purge"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoot(t)
			r.install(deb)
			r.add(snippet, "# mine")
			r.add(config, "# mine")
			r.run("touch", state+"/lease-x")
			for _, step := range steps {
				r.run("dpkg", step, "telegraf-proc-connector")
			}
			r.requirePurged()
			// It is Telegraf's too.
			require.Positive(t, r.id("passwd", "telegraf"))
		})
	}
}

// Where the program cannot have its rights the package is installed all the same,
// and says what that means and what to do.
func TestNoRights(t *testing.T) {
	deb := build(t).deb
	tests := map[string]struct {
		before string
		want   string
		mode   string
	}{
		"setcap is missing": {
			before: `rm -f "$(command -v setcap)"`,
			want:   "setcap is not installed",
		},
		"setcap fails": {
			before: `printf '#!/bin/sh\necho Operation not supported >&2\nexit 1\n' >"$(command -v setcap)"`,
			want:   "keeps no capabilities",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoot(t)
			r.run("sh", "-c", tt.before)
			said := r.install(deb)
			require.Contains(t, said, "WARNING")
			require.Contains(t, said, tt.want)
			require.Equal(t, "0750 root:telegraf", r.mode(program))
			r.requireRights(0)
			require.Contains(t, r.run(program, "--version"), "telegraf-proc-connector ")
		})
	}
}

// In a container that may not have all of the rights the kernel would refuse to run
// the program at all.
func TestBounded(t *testing.T) {
	deb := build(t).deb
	r := newRoot(t)
	r.install(deb)
	_, err := r.try("setpriv", "--bounding-set", "-sys_nice", program, "--version")
	require.Error(t, err)
	r.run("setpriv", "--no-new-privs", "--reuid", "telegraf", "--regid", "telegraf", "--clear-groups", program, "--version")

	said := r.run("setpriv", "--bounding-set", "-sys_nice", "dpkg", "-i", "/tmp.deb")
	require.Contains(t, said, "does not let a program have")
	r.requireRights(0)
	require.Contains(t, r.run(program, "--version"), "telegraf-proc-connector ")
}

// What the packages hold of the configuration is what the program makes of it.
func TestConfiguration(t *testing.T) {
	r := newRoot(t)
	r.install(build(t).deb)
	sample := r.run(program, "sample-config")
	changed := strings.Replace(sample, `  # state_directory = ""`, `  state_directory = "`+state+`"`, 1)
	require.NotEqual(t, sample, changed)
	got := r.read(config)
	for line := range strings.Lines(changed) {
		require.Contains(t, got, line)
	}
}

// systemd takes the drop-in for the unit of Telegraf's own packages.
func TestDropIn(t *testing.T) {
	r := newRoot(t)
	r.install(build(t).deb)
	units := "/tmp.units"
	r.run("mkdir", units)
	unit := r.bring(filepath.Join(telegrafSource(t), "scripts", "telegraf.service"), units+"/telegraf.service")
	r.run("chmod", "0644", unit)
	r.run("sed", "-i", "/^ImportCredential=/d", unit) // before version 254 it is unknown
	r.run("sh", "-c", "printf '#!/bin/sh\n' >/usr/bin/telegraf && chmod 0755 /usr/bin/telegraf")
	r.run("cp", "-r", filepath.Dir(dropIn), units)
	verify := func() (string, error) {
		return r.try("env", "SYSTEMD_UNIT_PATH="+units+":", "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "telegraf.service")
	}
	said, err := verify()
	require.NoError(t, err, said)
	require.Empty(t, said)

	// That it would say if something was wrong:
	r.add(units+"/telegraf.service.d/proc_connector.conf", "ExecStopPast=/bin/true")
	said, err = verify()
	require.Error(t, err)
	require.Contains(t, said, "proc_connector.conf")
	require.Contains(t, said, "ExecStopPast")
}

func telegrafSource(t *testing.T) string {
	t.Helper()
	dir := strings.TrimSpace(string(repo.Go(t, repo.Root(t), "list", "-m", "-f", "{{.Dir}}", "github.com/influxdata/telegraf")))
	require.NotEmpty(t, dir)
	return dir
}
