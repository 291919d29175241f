//go:build linux

package proc_connector

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

func TestDenials(t *testing.T) {
	log := &testutil.CaptureLogger{}
	var told []bool
	d := denials{log: log, tell: func(ask bool) { told = append(told, ask) }}
	deny := func(n int) {
		for range n {
			d.asked(true)
		}
	}
	hour := uint64(time.Hour)

	// Who may read some goes on, however often others are denied.
	for range 1000 {
		deny(permittedWeight)
		d.asked(false)
	}
	require.False(t, d.paused)

	d.at(hour)
	deny(maxDenials - 1)
	require.False(t, d.paused)
	deny(1)
	require.True(t, d.paused)
	require.Equal(t, []bool{false}, told)
	deny(5) // that were under way
	d.at(hour + 1)
	d.at(2 * hour)
	require.True(t, d.paused)
	d.at(2*hour + 1)
	require.False(t, d.paused, "it is tried again")
	require.Equal(t, []bool{false, true}, told)
	deny(furtherDenials)
	require.True(t, d.paused)
	d.at(3 * hour)
	d.at(4 * hour)
	require.False(t, d.paused)
	for range maxDenials {
		d.asked(false)
	}
	deny(maxDenials - 1)
	require.False(t, d.paused, "what was is forgotten")
	require.Len(t, log.Warnings(), 1, "once")
}

// A kernel that refuses is no longer asked: neither for what it would tell, nor
// at a scan, nor to complete a name.
func TestDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("Needs root")
	}
	own := sleeper(t, nil)
	foreign := sleeper(t, &syscall.Credential{Uid: 65534, Gid: 65534})
	fs, err := procfs.Open("/proc")
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	log := &testutil.CaptureLogger{}
	r := &procReader{fs: fs, want: wanted{cmdline: true, exe: true, cwd: true}, buf: make([]byte, nameLength), length: 100,
		denials: denials{log: log}}
	now := uint64(1)
	read := func(pid int) details {
		var d details
		now++
		r.read(&cnproc.Event{Task: cnproc.Task{PID: int32(pid), TGID: int32(pid)}, Timestamp: now}, &d)
		require.False(t, d.gone)
		require.Equal(t, "sleep\x0060\x00", string(d.cmdline))
		return d
	}

	restore := withoutPtrace(t)
	for i := range maxDenials / 2 { // two files each
		require.False(t, r.denials.paused, i)
		d := read(foreign)
		require.True(t, d.denied)
		require.Empty(t, d.exe+d.cwd)
	}
	require.True(t, r.denials.paused)
	require.Len(t, log.Warnings(), 1)
	restore()

	// Now it would be permitted, and is not asked for.
	for _, pid := range []int{own, foreign} {
		d := read(pid)
		require.False(t, d.denied)
		require.Empty(t, d.exe+d.cwd)
		require.Equal(t, "exe", r.name(int32(pid), []byte("exe"), nil, "", true))
	}
	now += denialPause
	for _, pid := range []int{own, foreign} {
		d := read(pid)
		require.Contains(t, d.exe, "/sleep")
		require.NotEmpty(t, d.cwd)
		require.True(t, strings.HasSuffix(d.exe, "/"+r.name(int32(pid), []byte("exe"), nil, "", true)))
	}
}

// sleeper starts a process that lives until the test ends.
func sleeper(t *testing.T, as *syscall.Credential) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait(), "killed")
	})
	// Start returns once the kernel has closed what exec closes, and that is before
	// the arguments are to be read.
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		return err == nil && len(text) > 0
	}, time.Minute, time.Millisecond)
	return cmd.Process.Pid
}

// withoutPtrace takes CAP_SYS_PTRACE from the calling thread, which the goroutine
// keeps until restore was called, or the test has ended.
func withoutPtrace(t *testing.T) (restore func()) {
	t.Helper()
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	require.NoError(t, unix.Capget(&header, &had[0]))
	if had[0].Effective>>unix.CAP_SYS_PTRACE&1 == 0 {
		t.Skip("Needs CAP_SYS_PTRACE")
	}
	without := had
	without[0].Effective &^= 1 << unix.CAP_SYS_PTRACE
	require.NoError(t, unix.Capset(&header, &without[0]))
	restore = sync.OnceFunc(func() {
		require.NoError(t, unix.Capset(&header, &had[0]))
		runtime.UnlockOSThread()
	})
	t.Cleanup(restore)
	return restore
}
