package processes

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTestTable() *Table { return NewTable(NewSet(100, time.Hour, Tags{User: true}, nil)) }

// put enters a process that is what change makes of it.
func put(table *Table, pid int32, change func(p *Process)) *Process {
	p := table.Enter(pid)
	change(p)
	table.Update(p, 1)
	return p
}

func named(command string) func(p *Process) { return func(p *Process) { p.Command = command } }

// running is what the series of a table say, by command.
func running(table *Table) map[string]uint64 {
	n := make(map[string]uint64)
	for _, sample := range table.set.Samples() {
		if sample.Running > 0 {
			n[sample.Key.Command] += sample.Running
		}
	}
	return n
}

func TestInheritance(t *testing.T) {
	table := newTestTable()
	put(table, kthreadd, func(p *Process) { p.Command, p.Kernel = Kernel, true })
	put(table, 100, func(p *Process) {
		p.PPID, p.UID, p.UIDKnown, p.Command, p.Unit, p.ContainerID = 1, 1000, true, "shell", "cron.service", "abc"
	})

	table.Fork(100, 101, 7)
	require.Equal(t, Process{
		PID: 101, PPID: 100, Start: 7,
		Key: Key{UID: 1000, UIDKnown: true, Command: "shell", Unit: "cron.service", ContainerID: "abc"},
	}, public(table.Get(101)))
	require.Equal(t, map[string]uint64{"shell": 2, Kernel: 1}, running(table))

	child := table.Get(101)
	child.Command = "editor"
	table.Update(child, 8)
	require.Equal(t, "shell", table.Get(100).Command, "the copy is the child's own")
	require.Equal(t, map[string]uint64{"shell": 1, "editor": 1, Kernel: 1}, running(table))

	table.Fork(kthreadd, 200, 9)
	require.True(t, table.Get(200).Kernel)
	table.Fork(9999, 300, 9)
	require.Equal(t, Process{PID: 300, PPID: 9999, Start: 9}, public(table.Get(300)), "not even whose it is")
	require.Equal(t, map[string]uint64{"shell": 1, "editor": 1, Kernel: 2, Unknown: 1}, running(table))

	table.Exit(101, 10)
	table.Exit(101, 10)
	require.Nil(t, table.Get(101))
	require.Equal(t, 4, table.Len())
	require.Equal(t, map[string]uint64{"shell": 1, Kernel: 2, Unknown: 1}, running(table))
}

// Without an entry of kthreadd, such as before the first scan has succeeded,
// its children are kernel threads all the same.
func TestChildOfUnknownKthreadd(t *testing.T) {
	table := newTestTable()
	table.Fork(kthreadd, 50, 1)
	table.Fork(50, 51, 2)
	require.Equal(t, map[string]uint64{Kernel: 2}, running(table))

	// But whoever has that id in a namespace of its own is just a process.
	put(table, kthreadd, named("init"))
	table.Fork(kthreadd, 52, 3)
	require.Equal(t, map[string]uint64{Kernel: 2, "init": 2}, running(table))
}

// public leaves out what only the table knows.
func public(p *Process) Process {
	q := *p
	q.serial, q.parent, q.series, q.line, q.scanned = 0, 0, nil, nil, 0
	return q
}

// A parent is only the process that it was, not a later one with the same id.
func TestParent(t *testing.T) {
	table := newTestTable()
	put(table, 10, named("parent"))
	table.Fork(10, 11, 1)
	child := table.Get(11)
	require.Equal(t, "parent", table.Parent(child).Command)

	put(table, 10, named("renamed"))
	require.Equal(t, "renamed", table.Parent(child).Command)

	table.Exit(10, 2)
	require.Nil(t, table.Parent(child))
	table.Fork(1, 10, 3)
	require.Nil(t, table.Parent(child), "the id is another's")

	table.Adopt(child, 10)
	require.NotNil(t, table.Parent(child))
}

// An id that is given away again while its last exit is missing is a new
// process.
func TestReuse(t *testing.T) {
	table := newTestTable()
	put(table, 10, named("a"))
	put(table, 11, named("b"))
	table.Fork(10, 12, 1)
	serial := table.Get(12).Serial()
	table.Fork(11, 12, 2)
	require.NotEqual(t, serial, table.Get(12).Serial())
	require.Equal(t, map[string]uint64{"a": 1, "b": 2}, running(table))
}

// However often processes rename themselves, they need no more places than there
// are processes.
func TestRenamesUseNoPlaces(t *testing.T) {
	table := NewTable(NewSet(2, time.Hour, Tags{}, nil))
	put(table, 10, named("daemon"))
	put(table, 11, named("job-0"))
	for i := range 10 {
		name := "job-" + strconv.Itoa(i)
		table.Get(11).Command = name
		table.Update(table.Get(11), uint64(2+i))
		require.Equal(t, map[string]uint64{"daemon": 1, name: 1}, running(table))
	}
	// One that runs keeps its place.
	put(table, 12, named("late"))
	require.Equal(t, map[string]uint64{"daemon": 1, "job-9": 1, Other: 1}, running(table))
	table.Exit(11, 20)
	put(table, 13, named("last"))
	require.Equal(t, map[string]uint64{"daemon": 1, "last": 1, Other: 1}, running(table))
}

// Entering a process allocates nothing once others have ended.
func TestForkDoesNotAllocate(t *testing.T) {
	table := newTestTable()
	put(table, 1, named("init"))
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		table.Fork(1, 2000, 1)
		table.Exit(2000, 2)
	}))
}

func TestArguments(t *testing.T) {
	table := newTestTable()
	p := put(table, 10, named("a"))
	require.Empty(t, p.Arguments())
	text := []byte("a\x00b\x00")
	table.KeepArguments(p, text)
	text[0] = 'x'
	require.Equal(t, "a\x00b\x00", p.Arguments())

	table.Fork(10, 11, 1)
	require.Equal(t, "a\x00b\x00", table.Get(11).Arguments(), "it runs the same")
	require.Equal(t, 4, table.lineBytes, "which is kept once")
	table.KeepArguments(table.Get(11), []byte("c\x00"))
	require.Equal(t, 6, table.lineBytes)
	table.Exit(10, 2)
	require.Equal(t, 2, table.lineBytes)
	table.KeepArguments(table.Get(11), nil)
	require.Empty(t, table.Get(11).Arguments())
	require.Zero(t, table.lineBytes)

	// They are bounded, and there is room again for others later.
	large := []byte(strings.Repeat("x", maxLines/3))
	for pid := range int32(5) {
		table.KeepArguments(put(table, 100+pid, named("large")), large)
	}
	require.LessOrEqual(t, table.lineBytes, maxLines)
	require.NotEmpty(t, table.Get(102).Arguments())
	require.Empty(t, table.Get(103).Arguments())
	table.Exit(100, 3)
	table.KeepArguments(table.Get(103), large)
	require.NotEmpty(t, table.Get(103).Arguments())
}
