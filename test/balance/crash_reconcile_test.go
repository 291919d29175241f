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
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// What gives back can be killed too, beside a bystander and with the lease of one
// dead plugin: the count is 2 before and 1 in the end.
func TestCrashPointsOfReconcile(t *testing.T) {
	for _, c := range []struct {
		point string
		dead  int32 // the count when it is dead
		left  int32 // LISTENs that nobody can know of
	}{
		{"lease created", 2, 0},
		{"LISTEN sent", 3, 1},
		{"LISTEN taken", 3, 1},
		{"lease written", 3, 0},
		{"orphan removed", 3, 1},
		{"changed", 2, 0},
		{"lowered", 2, 0},
		{"lease removed", 2, 1},
		{"IGNORE sent", 1, 0},
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
				k.require(1 + c.left)
				b.requireHears("after the recovery")
				require.Empty(t, leases(t, dir))
				for range c.left {
					require.NoError(t, rawlisten.Lower())
				}
			})
		})
	}
}
