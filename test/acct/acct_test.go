package acct

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecords(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("process accounting is root's")
	}
	l := Start(t)
	cmd := exec.Command("/bin/sh", "-c", "exit 3")
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	for _, r := range l.Records(t) {
		if r.PID == uint32(cmd.Process.Pid) {
			require.Equal(t, "sh", r.Comm)
			require.Equal(t, 3, r.Status.ExitStatus())
			require.False(t, r.Forked)
			require.EqualValues(t, os.Getpid(), r.PPID)
			return
		}
	}
	require.Fail(t, "no record")
}
