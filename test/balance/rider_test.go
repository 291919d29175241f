package balance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// ride makes n members of the group that the kernel does not count, silent ones that
// have never sent LISTEN, or paused ones that have taken it back.
func ride(t *testing.T, n int, paused bool) (leave func()) {
	t.Helper()
	conns := make([]*rawlisten.Conn, n)
	for i := range conns {
		conn, err := rawlisten.Ride(paused)
		require.NoError(t, err)
		conns[i] = conn
	}
	left := false
	leave = func() {
		if !left {
			left = true
			for _, conn := range conns {
				require.NoError(t, conn.Close())
			}
		}
	}
	t.Cleanup(leave)
	return leave
}

func forEachRider(t *testing.T, test func(t *testing.T, n int, paused bool)) {
	t.Helper()
	for _, paused := range []bool{false, true} {
		for _, n := range []int{1, 12} {
			t.Run(fmt.Sprintf("%d, paused %v", n, paused), func(t *testing.T) { test(t, n, paused) })
		}
	}
}

// A rider is no victim: it makes nobody leave a LISTEN behind, and nobody is accused.
func TestRiders(t *testing.T) {
	forEachRider(t, func(t *testing.T, n int, paused bool) {
		for _, when := range []string{"before", "meanwhile", "both"} {
			t.Run(when, func(t *testing.T) {
				k := alone(t)
				if when != "meanwhile" {
					ride(t, n, paused)
				}
				p := plugin.Start(t)
				k.require(1)
				requireHears(t, p)
				if when != "before" {
					ride(t, n, paused)
				}
				requireListener(t, p.Gather(), fields{"listening": 1, "deaf": 0, "repairs": 0, "deaf_depth": 0})
				requireHears(t, p)
				k.require(1)

				stop(t, p)
				k.require(0)
				requireWarnings(t, p)
				require.NotContains(t, p.Stderr(), "IGNORE")
			})
		}
	})
}

// They come and go, and so do plugins.
func TestRidersComeAndGo(t *testing.T) {
	k := alone(t)
	for i := range 5 {
		leave := ride(t, 3, i%2 == 0)
		p := plugin.Start(t)
		requireHears(t, p)
		leave()
		p.Gather()
		stay := ride(t, 2, i%2 == 1)
		stop(t, p)
		k.require(0)
		requireWarnings(t, p)
		stay()
	}
}

// With a rider in the group it cannot be told whether the LISTEN that a lease claims
// is the rider's. So it stays until the rider has gone.
func TestKilledBesideRider(t *testing.T) {
	forEachRider(t, func(t *testing.T, n int, paused bool) {
		forEachRecovery(t, func(t *testing.T, giveBack recovery) {
			k := alone(t)
			leave := ride(t, n, paused)
			dir := killed(t, k, 1)
			giveBack(t, dir)
			k.require(1)
			require.Len(t, leases(t, dir), 1)

			p := plugin.Start(t, plugin.StateDir(dir))
			requireHears(t, p)
			require.Equal(t, 1, strings.Count(p.Stderr(), logKept), p.Stderr())
			stop(t, p)
			require.Empty(t, check.Warnings(p.Stderr()))

			leave()
			giveBack(t, dir)
			k.require(0)
			require.Empty(t, leases(t, dir))
		})
	})
}
