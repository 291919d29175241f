package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForkstatTally(t *testing.T) {
	const printed = `Time     Event   PID Info   Duration Process
08:47:03 fork  31210 parent          bash
08:47:03 fork  31213 child           bash
08:47:03 exec  31213                 /bin/true storm-1-0-1 
08:47:03 exit  31213      0   0.087s /bin/true storm-1-0-1
08:47:04 exec  31214                 bash
Time     Event   PID Info   Duration Process
08:47:04 exit  31214      0   0.087s bash
`
	got, err := forkstat{}.tally(&Storm{kinds: process}, printed)
	require.NoError(t, err)
	require.Equal(t, 5, got.events, "a fork has two lines")
	require.True(t, got.texts["/bin/true storm-1-0-1"])
	require.Len(t, got.texts, 2)
}

func TestCounterTally(t *testing.T) {
	const printed = "cmdline /bin/true a\nstopped no buffer space available\nmallocs 70\ncomm 5\nfork 2\nexit 1\n"
	got, err := counter{}.tally(&Storm{kinds: []string{"clone", "exit"}}, printed)
	require.NoError(t, err)
	require.Equal(t, 3, got.events)
	require.Equal(t, 70, got.mallocs)
	require.Equal(t, unknown, got.lost)
	require.Equal(t, "no buffer space available", got.stopped)
	require.True(t, got.texts["/bin/true a"])

	got, err = counter{any: true}.tally(&Storm{kinds: []string{"comm"}}, "received 10\nlost 2\n")
	require.NoError(t, err)
	require.Equal(t, 10, got.events)
	require.Equal(t, 2, got.lost)

	_, err = counter{}.tally(&Storm{}, "nonsense\n")
	require.ErrorContains(t, err, "nonsense")
}

const reports = `proc_connector_exec,command=early pid=7i,detail="gone" 1
proc_connector forks=10i,execs=20i,exits=30i,renames=40i 2
proc_connector_listener events=100i,lost=1i,unresolved=1i,events_dropped=0i 2
proc_connector_exec,command=true pid=8i,cmdline="/bin/true storm-1-0-0",detail="full" 3
proc_connector_exec,command=_unknown pid=9i,detail="gone" 4
proc_connector_exec,command=_unknown pid=99i,detail="gone" 4
proc_connector forks=12i,execs=23i,exits=34i,renames=45i 5
proc_connector_listener events=110i,lost=1i,unresolved=3i,events_dropped=0i 5
`

func TestPluginTally(t *testing.T) {
	storm := &Storm{kinds: process, command: dynamic}
	got, err := pluginKind{}.tally(storm, reports)
	require.NoError(t, err)
	require.Equal(t, 2+3+4, got.events)
	require.Zero(t, got.lost)
	require.Equal(t, 2, got.unresolved)

	// Of the two that were not read one is somebody else's.
	s := &sample{sent: 6}
	s.take(got, storm, &made{things: 2, lines: map[int]string{8: "", 9: ""}, texts: []string{"/bin/true storm-1-0-0", "/bin/true storm-1-0-1"}})
	require.Equal(t, 6, s.kept, "no more than there were")
	require.Equal(t, 1, s.caught)
	require.Equal(t, 1, s.unresolved)
	require.Equal(t, 1, s.lacking())

	_, err = pluginKind{}.tally(storm, "proc_connector_listener lost=1i 2\n")
	require.ErrorContains(t, err, "reported 1 times")
}
