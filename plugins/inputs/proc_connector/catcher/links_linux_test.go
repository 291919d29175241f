package catcher

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// While exe and cwd are not to be read they are missing, also where a name is to
// be completed, and nothing else is.
func TestLiveReadLinks(t *testing.T) {
	var none *Catchers
	none.ReadLinks(false)

	c, err := Open(Config{Proc: "/proc", Scheduling: Auto, Wanted: Wanted{Cmdline: 1000, Exe: true, Cwd: true, Cgroup: true}})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	s, err := cnproc.Open(cnproc.Config{Filter: cnproc.Filter{Types: []cnproc.What{cnproc.WhatExec}}, Coalesce: 100 * time.Millisecond, Repair: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	k := &recordOf{catchers: c, found: make(chan Record, 10)}
	go func() { _ = s.Receive(k) }() //nolint:errcheck // what it comes to is found, or not

	for i, read := range []bool{true, false, true} {
		for _, name := range []string{"short", "a-name-that-is-cut"} {
			// A new name each time, so that no record is that of an earlier program.
			program := filepath.Join(t.TempDir(), string(rune('a'+i))+name)
			require.NoError(t, os.Symlink("/bin/sleep", program))
			c.ReadLinks(read)
			k.args.Store(program)
			cmd := exec.Command(program, "1")
			require.NoError(t, cmd.Start())
			var r Record
			select {
			case r = <-k.found:
			case <-time.After(time.Minute):
				require.Fail(t, "the exec was not caught")
			}
			require.Equal(t, read, len(r.Exe) > 0, "%q", r.Exe)
			require.Equal(t, read, len(r.Cwd) > 0, "%q", r.Cwd)
			require.False(t, r.Denied)
			require.Equal(t, program+"\x001\x00", string(r.Cmdline))
			require.NotEmpty(t, r.Stat)
			require.NotEmpty(t, r.Cgroup)
			require.NoError(t, cmd.Wait())
		}
	}
}
