//go:build linux

package proc_connector

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/doctor"
)

func TestStartupLine(t *testing.T) {
	const reads = "2 threads with real-time priority 1"
	require.Equal(t, "Listening to the process connector of Linux 6.18.44; with CAP_NET_ADMIN, CAP_SYS_NICE; "+
		"execs are read by 2 threads with real-time priority 1; receive buffer: 32768 KiB; events: all but those of threads",
		startupLine("6.18.44", []string{"CAP_NET_ADMIN", "CAP_SYS_NICE"}, reads, 32<<20, false))
	require.Equal(t, "Listening to the process connector of Linux 6.18.44; with no rights; "+
		"execs are read by 2 threads with real-time priority 1; receive buffer: 32768 KiB; events: all",
		startupLine("6.18.44", nil, reads, 32<<20, true))
}

// What it says of this machine is what /proc says.
func TestStartupFacts(t *testing.T) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(release)), doctor.KernelRelease())

	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, mask, found := strings.Cut(string(status), "CapEff:")
	require.True(t, found)
	mask, _, _ = strings.Cut(mask, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	require.NoError(t, err)
	// include/uapi/linux/capability.h
	for name, number := range map[string]int{"CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19, "CAP_SYS_NICE": 23} {
		require.Equal(t, effective>>number&1 != 0, strings.Contains(strings.Join(doctor.Capabilities("/proc"), " "), name), name)
	}
}
