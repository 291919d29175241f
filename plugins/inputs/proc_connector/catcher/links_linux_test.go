package catcher

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// While exe and cwd are not to be read they are missing, also where a name is to
// be completed, and nothing else is.
func TestLiveReadLinks(t *testing.T) {
	var none *Catchers
	none.ReadLinks(false)

	c, k := catchLive(t, Config{Proc: "/proc", Sys: "/sys", Scheduling: Auto, Wanted: Wanted{Cmdline: 1000, Exe: true, Cwd: true, Cgroup: true}})

	for i, read := range []bool{true, false, true} {
		for _, name := range []string{"short", "a-name-that-is-cut"} {
			// A new name each time, so that no record is that of an earlier program.
			program := filepath.Join(t.TempDir(), string(rune('a'+i))+name)
			require.NoError(t, os.Symlink("/bin/sleep", program))
			c.ReadLinks(read)
			r := k.caught(t, program, "infinity")
			require.Equal(t, read, len(r.Exe) > 0, "%q", r.Exe)
			require.Equal(t, read, len(r.Cwd) > 0, "%q", r.Cwd)
			require.False(t, r.Denied)
			require.Equal(t, program+"\x00infinity\x00", string(r.Cmdline))
			require.NotEmpty(t, r.Status)
			require.NotEmpty(t, r.Cgroup)
		}
	}
}
