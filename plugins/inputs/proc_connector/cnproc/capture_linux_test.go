package cnproc

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var capture = flag.Bool("capture", false, "record testdata/*.bin from this machine's kernel (as root)")

// TestCapture records one message of each type, as the kernel sent it:
//
//	go test ./plugins/inputs/proc_connector/cnproc -run TestCapture -capture
func TestCapture(t *testing.T) {
	if !*capture {
		t.SkipNow()
	}
	require.Zero(t, os.Geteuid(), "changing ids and tracing need root")

	s, err := Open(Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	sock := s.sock.(*netlinkSocket)

	messages := make(map[EventType][]byte)
	collect := func(want func(e *Event) bool) {
		for {
			batch, err := sock.receive(batchLen)
			require.NoError(t, err)
			if len(batch) == 0 {
				return
			}
			for _, d := range batch {
				var e Event
				require.NoError(t, Decode(d.bytes, &e))
				if messages[e.What] == nil && want(&e) {
					messages[e.What] = append([]byte(nil), d.bytes...)
				}
			}
		}
	}
	run := func(attr *syscall.SysProcAttr, argv ...string) int32 {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = attr
		require.NoError(t, cmd.Start())
		_ = cmd.Wait() //nolint:errcheck // it may end as it likes
		return int32(cmd.Process.Pid)
	}

	// Its own answer was consumed by Open, so a second member asks.
	other, err := Open(Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	collect(func(e *Event) bool { return e.What == eventNone })

	nobody := &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	pid := run(nobody, "/bin/true")
	collect(func(e *Event) bool {
		return e.Task.TGID == pid && (e.What != EventExit)
	})
	pid = run(nil, "/bin/sh", "-c", "kill -ABRT $$")
	collect(func(e *Event) bool {
		return e.Task.TGID == pid && (e.What == EventExit || e.What == EventCoredump)
	})

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := append([]byte("renamed"), 0)
	require.NoError(t, unix.Prctl(unix.PR_SET_NAME, uintptrOf(name), 0, 0, 0))
	collect(func(e *Event) bool { return e.What == EventComm && string(e.Name()) == "renamed" })

	sleeper := exec.Command("/bin/sleep", "10")
	require.NoError(t, sleeper.Start())
	require.NoError(t, unix.PtraceAttach(sleeper.Process.Pid))
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, sleeper.Process.Kill())
	_ = sleeper.Wait() //nolint:errcheck // killed
	collect(func(e *Event) bool { return e.What == EventPtrace && e.Task.PID == int32(sleeper.Process.Pid) })

	require.Len(t, messages, 10)
	require.NoError(t, os.MkdirAll("testdata", 0o750))
	for what, b := range messages {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", names[what]+".bin"), b, 0o600))
	}
}
