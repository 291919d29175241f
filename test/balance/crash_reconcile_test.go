package balance_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// What gives back can be killed too, beside a bystander and with the lease of one
// dead plugin: the count is 2 before and 1 in the end.
func TestCrashPointsOfReconcile(t *testing.T) {
	for _, c := range []struct {
		point string
		dead  int32 // the count when it is dead
		claim int   // leases that claim what is not there: they stay as long as the bystander
	}{
		{"lease created", 2, 0},
		{"lease written", 2, 1},
		{"LISTEN sent", 3, 0},
		{"LISTEN taken", 3, 0},
		{"changed", 2, 1},
		{"lowered", 2, 1},
		{"orphan removed", 2, 0},
		{"IGNORE sent", 1, 1},
		{"lease removed", 1, 0},
	} {
		t.Run(c.point, func(t *testing.T) {
			forEachRecovery(t, func(t *testing.T, giveBack recovery) {
				k := alone(t)
				b := enter(t)
				dir := killed(t, k, 1)
				cmd := exec.Command(plugin.BuildFaultpoints(t), "reconcile")
				cmd.Env = append(os.Environ(), plugin.FaultpointEnv+"="+c.point)
				state.Use(cmd, dir)
				require.Error(t, cmd.Run())
				status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
				require.True(t, ok)
				check.Killed(t, status)
				require.Equal(t, c.dead, k.count(), "when it is dead")
				b.requireHears("when it is dead")

				giveBack(t, dir)
				k.require(1)
				b.requireHears("after the recovery")
				require.Len(t, leases(t, dir), c.claim)
				forget(t, k, b, dir, giveBack)
			})
		})
	}
}
