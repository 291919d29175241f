package proctable

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

func TestInheritance(t *testing.T) {
	var table Table
	table.Put(1, Process{Command: "init"})
	table.Put(kthreadd, Process{Command: "kthreadd", Kernel: true})
	table.Put(100, Process{PPID: 1, UID: 1000, UIDKnown: true, Command: "shell"})

	table.Fork(100, 101)
	child, ok := table.Get(101)
	require.True(t, ok)
	require.Equal(t, Process{PPID: 100, UID: 1000, UIDKnown: true, Command: "shell"}, public(child))

	child.Command = "editor"
	table.Put(101, child)
	parent, ok := table.Get(100)
	require.True(t, ok)
	require.Equal(t, "shell", parent.Command, "the copy is the child's own")

	table.Fork(kthreadd, 200)
	worker, ok := table.Get(200)
	require.True(t, ok)
	require.True(t, worker.Kernel)

	table.Fork(9999, 300)
	orphan, ok := table.Get(300)
	require.True(t, ok)
	require.Equal(t, Process{PPID: 9999}, public(orphan), "not even whose it is")

	table.Exit(101)
	_, ok = table.Get(101)
	require.False(t, ok)
	require.Equal(t, 5, table.Len())
}

// public leaves out what only the table knows.
func public(p Process) Process {
	p.serial, p.parent = 0, 0
	return p
}

// A parent is only the process that it was, not a later one with the same id.
func TestParent(t *testing.T) {
	var table Table
	table.Put(10, Process{Command: "parent"})
	table.Fork(10, 11)
	child, ok := table.Get(11)
	require.True(t, ok)
	parent, ok := table.Parent(&child)
	require.True(t, ok)
	require.Equal(t, "parent", parent.Command)

	parent.Command = "renamed"
	table.Put(10, parent)
	parent, ok = table.Parent(&child)
	require.True(t, ok)
	require.Equal(t, "renamed", parent.Command)

	table.Exit(10)
	_, ok = table.Parent(&child)
	require.False(t, ok)
	table.Fork(1, 10)
	_, ok = table.Parent(&child)
	require.False(t, ok, "the id is another's")

	table.Adopt(&child, 10)
	_, ok = table.Parent(&child)
	require.True(t, ok)
}

// stat writes a stat file of the fields that matter here; head is comm, state
// and ppid, as the kernel writes them.
func stat(t *testing.T, proc string, pid int, head string, flags, threads int) {
	t.Helper()
	dir := filepath.Join(proc, strconv.Itoa(pid))
	require.NoError(t, os.MkdirAll(dir, 0o750))
	line := strconv.Itoa(pid) + " " + head + " 1 1 0 -1 " + strconv.Itoa(flags) +
		" 0 0 0 0 0 0 0 0 20 0 " + strconv.Itoa(threads) + " 0 12345 0 0\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(line), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "status"), []byte("Name:\tx\nUid:\t1000\t0\t0\t0\n"), 0o600))
}

func TestRebuild(t *testing.T) {
	proc := t.TempDir()
	stat(t, proc, 1, "(init) S 0", 0, 1)
	stat(t, proc, 2, "(kthreadd) S 0", 0x00200000, 1)
	stat(t, proc, 50, "(zombie) Z 1", 0, 1)
	stat(t, proc, 51, "(ending) R 1", 4, 1)
	stat(t, proc, 52, "(leader gone) Z 1", 4, 3) // its other threads live on
	require.NoError(t, os.MkdirAll(filepath.Join(proc, "99"), 0o750))

	fs, err := procfs.Open(proc)
	require.NoError(t, err)
	defer fs.Close()

	var table Table
	table.Put(4711, Process{Command: "from before"})
	require.NoError(t, table.Rebuild(fs, func(_ int32, st *procfs.Stat) string { return string(st.Comm) }))

	require.Equal(t, 3, table.Len())
	for pid, want := range map[int32]Process{
		1:  {UID: 1000, UIDKnown: true, Command: "init"},
		2:  {UID: 1000, UIDKnown: true, Command: "kthreadd", Kernel: true},
		52: {PPID: 1, UID: 1000, UIDKnown: true, Command: "leader gone"},
	} {
		got, ok := table.Get(pid)
		require.True(t, ok, pid)
		require.Equal(t, want, public(got))
	}

	require.NoError(t, os.RemoveAll(proc))
	require.NoError(t, fs.Close())
	require.Error(t, table.Rebuild(fs, nil))
	require.Equal(t, 3, table.Len(), "a table that cannot be rebuilt stays as it is")
}
