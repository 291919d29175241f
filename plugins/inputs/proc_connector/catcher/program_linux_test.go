package catcher

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statOf is /proc/PID/stat of a thread.
func statOf(tid int, comm, state string, cpu, priority, policy int) string {
	zeros := strings.Repeat(" 0", 35) // fields 4 to 38
	return fmt.Sprintf("%d (%s) %s%s %d %d %d 0 0\n", tid, comm, state, zeros, cpu, priority, policy)
}

func TestRealtimeProgram(t *testing.T) {
	proc := t.TempDir()
	thread := func(pid, tid int, stat string) {
		dir := filepath.Join(proc, strconv.Itoa(pid), "task", strconv.Itoa(tid))
		require.NoError(t, os.MkdirAll(dir, 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o600))
	}
	require.Empty(t, RealtimeProgram(proc, []int{1}))
	thread(10, 10, statOf(10, "ordinary", "R", 1, 0, 0))
	thread(11, 11, statOf(11, "sleeps", "S", 1, 99, 1))
	thread(os.Getpid(), 12, statOf(12, "catch/1", "R", 1, 1, 1))
	thread(13, 13, "13 (cut")
	thread(14, 14, "14 (short) R 1 2 3")
	thread(15, 15, strings.ReplaceAll(statOf(15, "odd", "R", 1, 50, 1), " 50 ", " x "))
	require.Empty(t, RealtimeProgram(proc, []int{1}))

	thread(20, 20, statOf(20, "jackd", "S", 1, 0, 0))
	thread(20, 21, statOf(21, "a) R \"b\"\n", "R", 1, 10, 2))
	thread(22, 22, statOf(22, "elsewhere", "R", 2, 80, 1))
	require.Equal(t, `"a) R \"b\"\n" (pid 20)`, RealtimeProgram(proc, []int{0, 1}))
	thread(23, 23, statOf(23, "higher", "R", 1, 50, 1))
	require.Equal(t, `"higher" (pid 23)`, RealtimeProgram(proc, []int{1}))
	thread(24, 24, statOf(24, "deadline", "R", 1, 0, 6))
	require.Equal(t, `"deadline" (pid 24)`, RealtimeProgram(proc, []int{1}))
	require.Equal(t, `"elsewhere" (pid 22)`, RealtimeProgram(proc, []int{2}))
}
