package dashboards_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/dashboards"
	"github.com/proc-connector/telegraf-proc-connector/test/influxdb"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

const (
	host   = "first.example"
	window = 10 * time.Second // the least interval of all panels

	// Names that mean something else in a regular expression.
	crashing = "d+crash(es)"
	staying  = "d stays.on"
	user     = "nobody"
)

// options make the plugin report all that a dashboard may show. With so small a
// buffer and limit it is easy to lose something.
const options = `exit_events = "all"
threads = true
command_tags = ["user"]
receive_buffer = "256KiB"
event_limit = 200
max_commands = 1000
`

const agent = `
[agent]
  interval = "1s"
  flush_interval = "1s"
  hostname = %q

[[outputs.influxdb]]
  urls = [%q]
  database = %q
`

// A machine is this one, with Telegraf reporting what happens on it.
type machine struct {
	t      *testing.T
	l      *listeners.Count
	db     *influxdb.Server
	plugin int    // pid
	dir    string // of programs under other names
}

// fill has a database filled with what the real plugin reports, under a workload of
// everything that there are panels for. It returns from when to when it has data.
func fill(t *testing.T, db *influxdb.Server) dashboards.Selection {
	t.Helper()
	m := &machine{t: t, l: listenersAlone(t), db: db, dir: nobody.Dir(t)}
	config := filepath.Join(t.TempDir(), "telegraf.conf")
	text := fmt.Sprintf(agent, host, db.URL(), influxdb.Database) + execd.Section(t, options)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	from := time.Now()
	a := telegraf.Start(t, config)
	a.WaitLog(execd.Listens, execd.Timeout)
	plugins := execd.Plugins(t, a.Pid())
	require.Len(t, plugins, 1)
	m.plugin = plugins[0]

	m.run()

	require.Zero(t, a.Stop(syscall.SIGTERM).ExitCode())
	m.l.Require(0)
	execd.RequireWellLogged(t, a)
	return dashboards.Selection{From: from.Truncate(time.Second), To: time.Now().Add(time.Second)}
}

// listenersAlone is listeners.Guard for a test that silences the connector. Where
// others listen it would deafen them, so that it is skipped there, unless the
// environment says CI=true.
func listenersAlone(t *testing.T) *listeners.Count {
	t.Helper()
	truecount.Lock(t)
	members := 0
	for deadline := time.Now().Add(pace.Limit(time.Second)); ; time.Sleep(check.Poll) {
		var err error
		members, err = rawlisten.Members()
		require.NoError(t, err)
		if members == 0 {
			return listeners.Guard(t)
		}
		if time.Now().After(deadline) {
			break
		}
	}
	giveUp := t.Skipf
	if os.Getenv("CI") == "true" {
		giveUp = t.Fatalf
	}
	giveUp("Others listen to the process connector: %d sockets in /proc/net/netlink", members)
	return nil
}

// program is a program under another name.
func (m *machine) program(name, path string) string {
	m.t.Helper()
	link := filepath.Join(m.dir, name)
	if err := os.Symlink(path, link); !errors.Is(err, os.ErrExist) {
		require.NoError(m.t, err)
	}
	return link
}

// start runs a program, as nobody if it is told to.
func (m *machine) start(unprivileged bool, program string, args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = m.dir
	if unprivileged {
		nobody.Run(cmd)
	}
	require.NoError(m.t, cmd.Start())
	return cmd
}

// stays starts a program that runs, with its children, until the test ends.
func (m *machine) stays(program string, args ...string) {
	m.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = m.dir
	nobody.Run(cmd)
	cmd.SysProcAttr.Setpgid = true
	require.NoError(m.t, cmd.Start())
	m.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // they may have ended
		require.Error(m.t, cmd.Wait(), "killed")
	})
}

func (m *machine) runs(unprivileged bool, program string, args ...string) {
	m.t.Helper()
	if err := m.start(unprivileged, program, args...).Wait(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(m.t, err, &exit)
	}
}

// last returns the newest value of a field of the plugin on itself.
func (m *machine) last(field string) int64 {
	m.t.Helper()
	return m.db.Count(`SELECT last(%q) AS "n" FROM %q`, field, plugin.Listener)
}

// run is the workload. Rates need two windows, and what happens once must happen in
// the second, so that the first shows what was before.
func (m *machine) run() {
	m.t.Helper()
	work := m.copyOf(workload.Build(m.t))
	m.program(crashing, work)
	resident := m.start(true, m.program(staying, "/bin/sleep"), "600")
	m.t.Cleanup(func() {
		_ = resident.Process.Kill() //nolint:errcheck // it may have ended
		require.Error(m.t, resident.Wait(), "killed")
	})
	m.stays(filepath.Join(m.dir, crashing), "spawn", "1", "/bin/sleep", "600")
	check.Eventually(m.t, "the first report is stored", execd.Timeout, func() bool {
		return m.db.Count(`SELECT count("listening") AS "n" FROM %q`, plugin.Listener) > 0
	})

	begin := time.Now()
	boundary := begin.Add(4 * time.Second).Truncate(window).Add(window)
	for time.Now().Before(boundary) {
		m.everything(resident.Process.Pid)
	}
	m.silence()
	m.lose()
	m.overdo()
	for range 3 {
		m.everything(resident.Process.Pid)
	}
	// One more report has it all.
	reports := m.db.Count(`SELECT count("listening") AS "n" FROM %q`, plugin.Listener)
	check.Eventually(m.t, "the last report is stored", execd.Timeout, func() bool {
		return m.db.Count(`SELECT count("listening") AS "n" FROM %q`, plugin.Listener) >= reports+3
	})
}

// copyOf makes a copy that nobody may run.
func (m *machine) copyOf(program string) string { return nobody.Copy(m.t, m.dir, program) }

// everything is what ordinary panels show, once.
func (m *machine) everything(resident int) {
	m.t.Helper()
	crash := filepath.Join(m.dir, crashing)
	m.runs(true, crash, "sleep50", "one", "--password=secret")
	m.runs(true, crash, "exit", "3")
	m.runs(true, crash, "abort")
	m.runs(true, crash, "signal", "SIGTERM")
	m.runs(false, crash, "setuid", strconv.Itoa(nobody.ID))
	m.runs(false, crash, "setsid")
	m.runs(false, crash, "rename", "renamed", "3")
	m.runs(false, crash, "threads", "4")
	m.runs(false, crash, "ptrace", strconv.Itoa(resident))
	time.Sleep(100 * time.Millisecond)
}

// silence is what programs do that stop listening too often.
func (m *machine) silence() {
	m.t.Helper()
	m.l.Silence()
	check.Eventually(m.t, "the connector is mended", execd.Timeout, func() bool { return m.last("deaf") == 1 })
	require.Positive(m.t, m.last("repairs"))
	m.l.Restore(1)
}

// lose has more happen than the kernel can queue.
func (m *machine) lose() {
	m.t.Helper()
	const events = 10_000
	require.NoError(m.t, syscall.Kill(m.plugin, syscall.SIGSTOP))
	m.runs(false, filepath.Join(m.dir, crashing), "rename", "renamed", strconv.Itoa(events))
	require.NoError(m.t, syscall.Kill(m.plugin, syscall.SIGCONT))
	check.Eventually(m.t, "events are lost, and the table rebuilt", execd.Timeout, func() bool {
		return m.last("lost") > 0 && m.last("resyncs") > 0
	})
}

// overdo runs more programs in a second than event_limit permits.
func (m *machine) overdo() {
	m.t.Helper()
	check.Eventually(m.t, "event metrics are dropped", execd.Timeout, func() bool {
		m.runs(false, filepath.Join(m.dir, crashing), "spawn", "300", "/bin/true")
		return m.last("events_dropped") > 0
	})
}
