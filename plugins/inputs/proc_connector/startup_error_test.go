//go:build linux

package proc_connector

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/models"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// failing is an input whose start fails as the plugin's does.
type failing struct {
	ProcConnector
	err error
}

func (f *failing) Start(telegraf.Accumulator) error { return newStartupError(f.err) }

// Telegraf itself decides what becomes of an input that does not start, and goes by
// the type of the error.
func TestStartupErrorBehavior(t *testing.T) {
	network := fmt.Errorf("reading: %w", &cnproc.OpError{Op: "listen", Err: cnproc.ErrNetworkNamespace})
	noProc := fmt.Errorf("reading processes: %w", fs.ErrNotExist)
	const (
		stops   = "Telegraf stops"
		retries = "Telegraf tries again"
		removes = "Telegraf goes on without the plugin"
	)
	tests := []struct {
		behavior string
		err      error
		want     string
	}{
		{"", noProc, stops},
		{"error", noProc, stops},
		{"retry", noProc, retries},
		{"ignore", noProc, removes},
		{"probe", noProc, removes},
		{"error", network, stops},
		{"retry", network, stops},
		{"ignore", network, removes},
		{"retry", cnproc.ErrPermission, stops},
		{"retry", cnproc.ErrNoProcEvents, stops},
		{"retry", cnproc.ErrNetlinkDenied, stops},
		{"retry", cnproc.ErrOldKernel, stops},
		{"retry", cnproc.ErrTimeNamespace, stops},
		{"retry", cnproc.ErrRefused, retries},
	}
	for _, tt := range tests {
		t.Run(tt.behavior+", "+tt.err.Error(), func(t *testing.T) {
			input := models.NewRunningInput(&failing{err: tt.err}, &models.InputConfig{
				Name: "proc_connector", StartupErrorBehavior: tt.behavior,
			})
			var acc testutil.Accumulator
			err := input.Start(&acc)
			switch tt.want {
			case stops:
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.err.Error(), err.Error())
				require.Equal(t, "*proc_connector.startupError", fmt.Sprintf("%T", err))
			case retries:
				require.NoError(t, err)
				require.EqualError(t, input.Gather(&acc), "not connected")
			case removes:
				require.ErrorIs(t, err, tt.err)
				// What the agent looks for, and nobody else can name.
				require.Equal(t, "*internal.FatalError", fmt.Sprintf("%T", err))
			}
		})
	}
}

// Why the plugin does not start or keeps no lease is followed by what to do about it.
func TestAdvice(t *testing.T) {
	other := errors.New("other")
	require.Equal(t, other, advised(other))
	require.NoError(t, advised(nil))
	lease := &cnproc.LeaseError{Dir: "/run/x", Err: other}
	subset := &cnproc.LeaseError{Dir: "/run/x", Err: cnproc.ErrProcSubset}
	for _, tt := range []struct {
		err   error
		words []string
	}{
		{cnproc.ErrNoConnector, []string{"this kernel has no connector. Boot", "CONFIG_CONNECTOR", "CONFIG_PROC_EVENTS"}},
		{cnproc.ErrNoProcEvents, []string{"no cn_proc in /proc/net/connector. Boot", "CONFIG_PROC_EVENTS"}},
		{cnproc.ErrNetlinkDenied, []string{"are forbidden to this process. Let", "RestrictAddressFamilies=", "AF_NETLINK", "seccomp"}},
		{cnproc.ErrOldKernel, []string{"SO_MEMINFO", "Boot Linux 4.12 or later"}},
		{cnproc.ErrTimeNamespace, []string{"Run it in the host's time namespace"}},
		{errors.Join(cnproc.ErrNetworkNamespace, cnproc.ErrPIDNamespace), []string{"Run it there", "--network=host --pid=host", "hostPID: true"}},
		{cnproc.ErrPermission, []string{"CAP_NET_ADMIN. Run it as root", "setcap cap_net_admin+ep"}},
		{cnproc.ErrUnanswered, []string{"Mount proc on /proc"}},
		{lease, []string{"no lease can be kept in /run/x", "state_directory"}},
		{subset, []string{"ProcSubset=all"}},
	} {
		err := advised(&cnproc.OpError{Op: "listen", Err: tt.err})
		require.ErrorIs(t, err, tt.err)
		for _, word := range tt.words {
			require.ErrorContains(t, err, word)
		}
	}
	require.NotContains(t, advised(subset).Error(), "state_directory", "another directory would not help")
}

// The error pretends to be nothing else.
func TestStartupErrorAs(t *testing.T) {
	err := newStartupError(&fs.PathError{Op: "open", Path: "/proc", Err: fs.ErrNotExist})
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	require.Equal(t, "/proc", path.Path)
	var op *cnproc.OpError
	require.NotErrorAs(t, err, &op)
	var timeout interface{ Timeout() bool }
	require.ErrorAs(t, err, &timeout, "of the path's error")
	var namesake *StartupError
	require.NotErrorAs(t, err, &namesake)
}

// StartupError has the name of Telegraf's, and is another.
type StartupError struct {
	error
	Err   error
	Retry bool
}
