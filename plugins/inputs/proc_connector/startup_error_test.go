//go:build linux

package proc_connector

import (
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
