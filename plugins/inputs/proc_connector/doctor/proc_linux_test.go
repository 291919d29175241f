package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// fixture is a proc mount with these files; names in /fd/ are links.
func fixture(t *testing.T, files map[string]string) proc {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		if strings.Contains(name, "/fd/") {
			require.NoError(t, os.Symlink(content, path))
		} else {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		}
	}
	return proc(dir)
}

func TestKernel(t *testing.T) {
	p := fixture(t, map[string]string{"self/stat": "1 (x) R", "sys/net/core/rmem_max": "212992\n"})
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	this := strings.TrimSpace(string(release))
	require.Equal(t, Kernel{Release: this, Rules: rulesOf(this)}, proc("/proc").kernel())
	require.Equal(t, Kernel{Release: this, Rules: rulesOf(this)}, p.kernel(), "also where proc shows nothing but processes")
	require.Equal(t, 212992, p.number("sys/net/core/rmem_max"))
	require.Zero(t, p.number("sys/net/core/wmem_max"))
	require.Equal(t, Kernel{Rules: RulesUnknown}, proc(t.TempDir()).kernel())
}

func TestRights(t *testing.T) {
	uid := os.Geteuid()
	for name, tt := range map[string]struct {
		status string
		want   Rights
	}{
		"all":        {"Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\nCapBnd:\t0000000000000000\n", Rights{true, uid, true, true, true}},
		"none":       {"CapEff:\t0000000000000000\n", Rights{Known: true, UserID: uid}},
		"admin":      {"CapEff:\t0000000000001000\n", Rights{Known: true, UserID: uid, NetAdmin: true}},
		"ptrace":     {"CapEff:\t0000000000080000\n", Rights{Known: true, UserID: uid, SysPtrace: true}},
		"nice":       {"CapEff:\t0000000000800000\n", Rights{Known: true, UserID: uid, SysNice: true}},
		"no line":    {"Name:\tx\n", Rights{UserID: uid}},
		"no number":  {"CapEff:\tall\n", Rights{UserID: uid}},
		"empty file": {"", Rights{UserID: uid}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, fixture(t, map[string]string{"self/status": tt.status}).rights())
		})
	}
}

func TestMembers(t *testing.T) {
	p := fixture(t, map[string]string{
		"17/comm":    "telegraf-proc-c\n",
		"17/cmdline": "/usr/bin/telegraf-proc-connector\x00--config\x00x\x00",
		"17/fd/3":    "socket:[900]",
		"17/fd/4":    "socket:[901]",
		"17/fd/5":    "socket:[901]",
		"17/fd/6":    "pipe:[902]",
		"20/comm":    "a\x1b[2Jb\n",
		"20/fd/0":    "/dev/null",
		"20/fd/9":    "socket:[901]",
		"self/fd/9":  "socket:[901]",
		"21/comm":    "unrelated\n",
		"21/fd/0":    "socket:[7]",
	})
	members := p.members([]cnproc.Member{{Port: 5, Inode: 902}, {Port: 17, Inode: 901}, {Port: 4, Inode: 900}})
	plugin := Process{PID: 17, Name: "telegraf-proc-connector"}
	require.Equal(t, []Member{
		{Port: 4, Inode: 900, Processes: []Process{plugin}},
		{Port: 17, Inode: 901, Processes: []Process{plugin, {PID: 20, Name: `a\x1b[2Jb`}}},
		{Port: 5, Inode: 902, Processes: make([]Process, 0)},
	}, members)
	require.Equal(t, "telegraf-proc-connector (pid 17) with 2 sockets, a\\x1b[2Jb (pid 20) and an unknown process", listing(members))
	require.Empty(t, p.members(nil))
}

func TestNames(t *testing.T) {
	p := fixture(t, map[string]string{
		"1/comm": "exactly15bytes!\n", "1/cmdline": "other\x00",
		"2/comm": "short\n", "2/cmdline": "shortened\x00",
	})
	require.Equal(t, "exactly15bytes!", p.name(1), "the command line is another")
	require.Equal(t, "short", p.name(2), "nothing was cut")
	require.Empty(t, p.name(3))
}

func TestLeases(t *testing.T) {
	const boot = "3f1c0a52-6a4b-4c55-9c0d-5a3d5ef2a0b1"
	p := fixture(t, map[string]string{"sys/kernel/random/boot_id": boot + "\n", "33/comm": "telegraf"})
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700)) //nolint:gosec // G302: it is a directory
	lease := func(boot, pid string) string {
		return "telegraf-proc-connector lease\nboot " + boot + "\npid " + pid + "\ninode INODE\nend\n"
	}
	for name, text := range map[string]string{
		"lease-1": lease(boot, "11"), "lease-2": lease("earlier", "12"), "lease-3": "telegraf-proc-conn", "lease-4": lease(boot, "10"), "other": "",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		var st unix.Stat_t
		require.NoError(t, unix.Stat(path, &st))
		text = strings.Replace(text, "INODE", strconv.FormatUint(st.Ino, 10), 1)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	require.Equal(t, Leases{
		Directory: dir, Held: make([]Lease, 0), Void: 2,
		Stale: []Lease{{File: "lease-1", Process: Process{PID: 11}}, {File: "lease-4", Process: Process{PID: 10}}},
	}, p.leases(dir))

	require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // G302: this is the mistake
	require.Contains(t, p.leases(dir).Error, "may be written to by others (mode 0777): chmod 0700 it")

	require.Equal(t, Leases{Directory: dir + "/no/such", Held: make([]Lease, 0), Stale: make([]Lease, 0)}, p.leases(dir+"/no/such"), "it can be made")
	require.Contains(t, p.leases(dir+"/other/x").Error, "not a directory")
	require.Empty(t, p.leases("").Error)
	require.Contains(t, proc(t.TempDir()).leases(t.TempDir()).Error, "boot_id")
}
