package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// stat writes a stat file of the fields that matter here; head is comm, state
// and ppid, as the kernel writes them, rest the flags, the number of threads and
// the start.
func stat(t *testing.T, proc string, pid int, head string, rest ...int) {
	t.Helper()
	require.Len(t, rest, 3)
	dir := filepath.Join(proc, strconv.Itoa(pid))
	require.NoError(t, os.MkdirAll(dir, 0o750))
	line := strconv.Itoa(pid) + " " + head + " 1 1 0 -1 " + strconv.Itoa(rest[0]) +
		" 0 0 0 0 0 0 0 0 20 0 " + strconv.Itoa(rest[1]) + " 0 " + strconv.Itoa(rest[2]) + " 0 0\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(line), 0o600))
}

const second = 1_000_000_000

// source reads a directory; processes are called as the kernel calls them.
func source(t *testing.T, proc string) Source {
	t.Helper()
	fs, err := procfs.Open(proc)
	require.NoError(t, err)
	t.Cleanup(func() { fs.Close() })
	return Source{
		FS:        fs,
		Now:       func() uint64 { return 1000 * second },
		Suspended: func() int64 { return 20 * second },
		Describe: func(st *procfs.Stat, p *Process) ([]byte, error) {
			p.Command, p.UID, p.UIDKnown = string(st.Comm), 1000, true
			if p.Command == "just gone" {
				return nil, procfs.ErrGone
			}
			return []byte(p.Command + "\x00"), nil
		},
	}
}

func rebuild(t *testing.T, table *Table, proc string) {
	t.Helper()
	_, err := table.Rebuild(source(t, proc))
	require.NoError(t, err)
}

func TestRebuild(t *testing.T) {
	proc := t.TempDir()
	stat(t, proc, 1, "(init) S 0", 0, 1, 5)
	stat(t, proc, 2, "(kthreadd) S 0", 0x00200000, 1, 5)
	stat(t, proc, 50, "(zombie) Z 1", 0, 1, 12345)
	stat(t, proc, 51, "(ending) R 1", 4, 1, 12345)
	stat(t, proc, 52, "(leader gone) Z 1", 4, 3, 12345) // its other threads live on
	stat(t, proc, 53, "(just gone) S 1", 0, 1, 12345)
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "99"), 0o750))

	table := newTestTable()
	table.KeepArguments(put(table, 4711, named("from before")), []byte("from before"))
	leaderless, err := table.Rebuild(source(t, proc))
	require.NoError(t, err)
	require.Equal(t, []int32{52}, leaderless)

	require.Equal(t, 3, table.Len())
	for pid, want := range map[int32]Process{
		1:  {Key: Key{Command: "init"}, Start: 1},
		2:  {Key: Key{Command: "kthreadd"}, Kernel: true, Start: 1},
		52: {PPID: 1, Key: Key{Command: "leader gone"}, Start: 103*second + second/20*9},
	} {
		want.PID, want.UID, want.UIDKnown = pid, 1000, true
		require.Equal(t, want, public(table.Get(pid)))
	}
	require.Equal(t, "init", table.Parent(table.Get(52)).Command)
	require.Equal(t, "leader gone\x00", table.Get(52).Arguments())
	require.Equal(t, map[string]uint64{"init": 1, Kernel: 1, "leader gone": 1}, running(table))
	require.Equal(t, len("init kthreadd leader gone "), table.lineBytes)

	require.NoError(t, os.RemoveAll(proc))
	src := source(t, t.TempDir())
	require.NoError(t, src.FS.Close())
	_, err = table.Rebuild(src)
	require.Error(t, err)
	require.Equal(t, 3, table.Len(), "a table that cannot be rebuilt stays as it is")
	require.Equal(t, map[string]uint64{"init": 1, Kernel: 1, "leader gone": 1}, running(table))
}

// A process that was known stays the same one, with the exact time of its start;
// another one with its id does not.
func TestRebuildKnowsProcesses(t *testing.T) {
	proc := t.TempDir()
	stat(t, proc, 10, "(a) S 0", 0, 1, 10000)
	stat(t, proc, 11, "(b) S 10", 0, 1, 10000)
	table := newTestTable()
	start := uint64(80*second + 7_654_321) // 100 s since boot, 20 of which it was suspended
	table.Fork(9, 10, start)
	table.Fork(10, 11, 70*second)
	first, second := table.Get(10).Serial(), table.Get(11).Serial()

	rebuild(t, table, proc)
	require.Equal(t, first, table.Get(10).Serial())
	require.Equal(t, start, table.Get(10).Start)
	require.NotEqual(t, second, table.Get(11).Serial())
	require.Equal(t, map[string]uint64{"a": 1, "b": 1}, running(table))
}

// Events that were queued before /proc was read tell nothing new.
func TestOutdatedFork(t *testing.T) {
	proc := t.TempDir()
	stat(t, proc, 10, "(parent) S 0", 0, 1, 10000)
	stat(t, proc, 11, "(child) S 10", 0, 1, 10000)
	table := newTestTable()
	rebuild(t, table, proc)

	table.Fork(10, 11, 80*second+1)
	require.Equal(t, "child", table.Get(11).Command)
	require.Equal(t, uint64(80*second+1), table.Get(11).Start, "the event knows it better")
	require.True(t, table.Get(11).Outdated(1000*second-1))
	require.False(t, table.Get(11).Outdated(1000*second))

	table.Fork(10, 11, 1000*second)
	require.Equal(t, "parent", table.Get(11).Command, "one that began later")
}

// No more memory is kept than the machine's processes need now.
func TestRebuildShrinks(t *testing.T) {
	proc := t.TempDir()
	stat(t, proc, 10, "(a) S 0", 0, 1, 10000)
	table := newTestTable()
	put(table, 1, named("init"))
	for pid := range int32(1000) {
		table.Fork(1, 100+pid, 1)
	}
	rebuild(t, table, proc)
	require.LessOrEqual(t, len(table.spare), 1)
}
