package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// An allocation for each call would let the garbage collector slow the loop down.
func TestSetNameDoesNotAllocatePerCall(t *testing.T) {
	// Never unlocked, so that the name goes with the thread.
	runtime.LockOSThread()

	allocs := func(n int) float64 {
		return testing.AllocsPerRun(10, func() {
			if err := setName("renamed", n); err != nil {
				t.Fatal(err)
			}
		})
	}
	require.InDelta(t, allocs(1), allocs(1000), 0)
}
