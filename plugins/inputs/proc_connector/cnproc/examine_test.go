package cnproc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever the state of a machine, it is found and left as it was.
func TestExamine(t *testing.T) {
	stranger := []Member{{Port: 5000, Inode: 5000}}
	tests := map[string]struct {
		strangers int
		count     int
		budget    time.Duration
		want      Examination
		silenced  bool
	}{
		"nobody listens":              {want: Examination{Heard: true}},
		"somebody listens":            {strangers: 1, count: 1, want: Examination{Others: stranger, HeardBefore: true, Heard: true}},
		"a LISTEN that nobody holds":  {count: 1, want: Examination{HeardBefore: true, Heard: true}},
		"a rider, or one deafened":    {strangers: 1, count: 0, want: Examination{Others: stranger, Heard: true}},
		"one too many":                {count: -1, want: Examination{Missing: 1}, silenced: true},
		"a hundred too many":          {strangers: 1, count: -99, want: Examination{Others: stranger, Missing: 99}, silenced: true},
		"a thousand too many":         {count: -1000, want: Examination{Missing: 1000}, silenced: true},
		"more than can be found out":  {count: -1000, budget: -1, want: Examination{Missing: -1}, silenced: true},
		"somebody has listened twice": {strangers: 1, count: 2, want: Examination{Others: stranger, HeardBefore: true, Heard: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				for i := range tt.strangers {
					k.stranger(uint32(5000 + i))
				}
				k.count = tt.count
				if tt.budget != 0 {
					k.budget = tt.budget
				}
				e, err := examineOn(k.system(), Config{ReceiveBuffer: 4000, Repair: true, StateDirectory: "/nowhere"})
				require.NoError(t, err)
				tt.want.ReceiveBuffer = 1000
				if tt.want.Others == nil {
					tt.want.Others = make([]Member, 0)
				}
				require.Equal(t, tt.want, e)
				require.Equal(t, tt.silenced, !e.Heard)
				require.Equal(t, tt.count, k.listeners())
				require.Zero(t, k.open())
			})
		})
	}
}

// A session mends the count in the middle of an examination: what that takes back
// afterwards must not be what the session has counted on.
func TestExamineBesideMending(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		k.stranger(5000)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		k.poison(-5)
		checked := make(chan struct{})
		at := k.called("extra LISTEN") + 3 // one of its own, one to raise, one more
		k.on("extra LISTEN", func() {
			if k.called("extra LISTEN") != at {
				return
			}
			go func() {
				defer close(checked)
				if _, err := s.Check(); err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-checked:
			case <-time.After(10 * time.Millisecond):
			}
		})
		e, err := examineOn(k.system(), Config{StateDirectory: dir})
		require.NoError(t, err)
		require.Equal(t, 3, e.Missing)
		<-checked
		require.Equal(t, 2, k.listeners())
		closeFake(t, k, s)
		require.Equal(t, 1, k.listeners())
	})
}

// A session ends in the middle of an examination, and both are of no consequence
// for the count.
func TestExamineBesideClosing(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		k.stranger(5000)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		closed := make(chan struct{})
		k.on("members", sync.OnceFunc(func() {
			go func() {
				defer close(closed)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-closed:
			case <-time.After(10 * time.Millisecond):
			}
		}))
		_, err := examineOn(k.system(), Config{StateDirectory: dir})
		require.NoError(t, err)
		<-closed
		require.Equal(t, 1, k.listeners())
	})
}

// Nothing is raised, as it must be lowered again, while another program is at work.
func TestExamineIsLockedOut(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	closeFake(t, k, openFake(t, k, Config{StateDirectory: dir})) // which makes the lock
	k.locked = func(*os.File) (bool, error) { return false, nil }
	k.patience = 0
	for count, want := range map[int]error{1: nil, 0: nil, -1: errBusy} {
		k.count = count
		_, err := examineOn(k.system(), Config{StateDirectory: dir})
		require.ErrorIs(t, err, want)
		require.Equal(t, count, k.listeners())
		require.Zero(t, k.open())
	}
}

func TestExamineFails(t *testing.T) {
	tests := map[string]struct {
		count int
		fail  string
		at    int
		after int
	}{
		// The probe is the first socket here, and so has the steps of a session.
		"joining":              {fail: "join", at: 1},
		"the canary":           {fail: "rename", at: 1},
		"opening":              {fail: "extra dial", at: 1},
		"checking":             {fail: "extra dial", at: 2, count: -2, after: -2},
		"listing members":      {fail: "members", at: 1},
		"listening":            {fail: "extra LISTEN", at: always},
		"dialing to raise":     {fail: "extra dial", at: 3, count: -2, after: -2},
		"the canary once more": {fail: "rename", at: 4, count: -2, after: -2},
		"lowering and closing": {fail: "extra IGNORE", at: always, count: -2, after: 2},
		"closing the probe":    {fail: "close", at: 1},
		"closing the session":  {fail: "extra close", at: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				k.count = tt.count
				k.failNext(tt.fail, tt.at)
				_, err := examineOn(k.system(), Config{})
				require.ErrorIs(t, err, errInjected)
				require.Equal(t, tt.after, k.listeners())
				require.Zero(t, k.open())
			})
		})
	}
}

// What cannot be listened to is not asked.
func TestExamineObstacle(t *testing.T) {
	k := newFakeKernel()
	sys := k.system()
	sys.obstacle = func() error { return ErrNoProcEvents }
	_, err := examineOn(sys, Config{})
	require.ErrorIs(t, err, ErrNoProcEvents)
	require.Empty(t, k.steps)
}

// What obstacle finds is the same, but no socket can be had either.
func TestExamineNoConnector(t *testing.T) {
	sys := newFakeKernel().system()
	sys.obstacle = func() error { return namespaceError{ErrNetworkNamespace} }
	_, err := examineOn(sys, Config{})
	require.ErrorIs(t, err, ErrNetworkNamespace)

	sys.dial = func() (socket, error) { return nil, ErrNoConnector }
	_, err = examineOn(sys, Config{})
	require.ErrorIs(t, err, ErrNoConnector)
	require.NotErrorIs(t, err, ErrNetworkNamespace)
}

func TestReconcile(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		k.count = 1
		k.stranger(5000)
		f, err := reconcileOn(k.system(), Config{Repair: true, StateDirectory: dir})
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true, Released: 1}, f)
		require.Equal(t, 1, k.listeners())
		require.Empty(t, leaseFiles(t, dir))
		require.Zero(t, k.open())

		k.poison(-3)
		f, err = reconcileOn(k.system(), Config{Repair: true, StateDirectory: dir})
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: 3, Others: 1}, f)
		require.Equal(t, 1, k.listeners())
	})
}

// What takes longer than one repair is gone on with.
func TestReconcileGoesOn(t *testing.T) {
	for poison, heard := range map[int]bool{examinations - 1: true, 2 * examinations: false} {
		kernels(t, func(t *testing.T, k *fakeKernel) {
			k.budget = -1 // one step, of one LISTEN
			k.poison(-poison)
			f, err := reconcileOn(k.system(), Config{Repair: true})
			require.NoError(t, err)
			require.Equal(t, heard, f.Listening)
			if heard {
				require.Equal(t, poison, f.Listens)
				require.Zero(t, k.listeners())
			}
		})
	}
}

// A directory that is not there holds no leases, and is not made.
func TestReconcileWithoutFolder(t *testing.T) {
	k := newFakeKernel()
	dir := filepath.Join(t.TempDir(), "missing")
	f, err := reconcileOn(k.system(), Config{StateDirectory: dir})
	require.NoError(t, err)
	require.Equal(t, CheckResult{Listening: true}, f)
	require.NoDirExists(t, dir)
	require.Zero(t, k.listeners())
}

func TestReconcileFails(t *testing.T) {
	k := newFakeKernel()
	k.failTimes("join", 1)
	_, err := reconcileOn(k.system(), Config{})
	require.ErrorIs(t, err, errInjected)
	require.Zero(t, k.listeners())
}

func TestMembers(t *testing.T) {
	const table = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000095c255bd 11  0          00000000 0        0        0     2        0        14
00000000bc3c3b8e 11  4023       00000001 0        0        0     2        7        6723
000000001f1e1a5d 11  3221225472 00000003 1536     0        0     2        0        6724
000000001f1e1a5e 11  4024       00000002 0        0        0     2        0        6725
0000000061b26ef1 15  1          00000001 0        0        0     2        0        16
0000000061b26ef2 11  -1         00000001 0        0        0     2        0        17
0000000061b26ef3 11  18         x        0        0        0     2        0        17
0000000061b26ef4 11  18         00000001 0        0        0     2        0        x
0000000061b26ef5 11  18         00000001
`
	found := make(map[Member]bool)
	crowd, err := parseMembers(strings.NewReader(table), found)
	require.NoError(t, err)
	require.False(t, crowd)
	require.Equal(t, map[Member]bool{{Port: 4023, Inode: 6723}: true, {Port: 3221225472, Inode: 6724}: true}, found)
	_, _, err = listMembers(t.TempDir())
	require.ErrorContains(t, err, "listing the listeners")
}

// Of a list that somebody has made long only the beginning is read.
func TestMembersInACrowd(t *testing.T) {
	const (
		member   = "0000000061b26ef1 11 %d 00000001 0 0 0 2 0 %d\n"
		stranger = "0000000061b26ef1 15 %d 00000000 0 0 0 2 0 %d\n"
	)
	for _, tt := range []struct {
		row   string
		n     int
		crowd bool
	}{
		{member, maxMembers, false}, {member, maxMembers + 2, true}, {member, 100 * maxMembers, true},
		{stranger, maxRows, false}, {stranger, maxRows + 2, true},
	} {
		var table strings.Builder
		for i := range tt.n {
			fmt.Fprintf(&table, tt.row, i, i)
		}
		found := make(map[Member]bool)
		crowd, err := parseMembers(strings.NewReader(table.String()), found)
		require.NoError(t, err)
		require.Equal(t, tt.crowd, crowd)
		require.LessOrEqual(t, len(found), maxMembers+1)
	}
}
