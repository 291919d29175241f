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

// kernels runs a test as on both kinds of kernels: those that count each request,
// and those that count a socket's changes.
func kernels(t *testing.T, test func(t *testing.T, k *fakeKernel)) {
	t.Helper()
	for name, perSocket := range map[string]bool{"before 6.6": false, "from 6.6 on": true} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel()
			k.perSocket = perSocket
			test(t, k)
		})
	}
}

func openFake(t *testing.T, k *fakeKernel, cfg Config) *Session {
	t.Helper()
	s, err := openOn(k.system(), cfg)
	require.NoError(t, err)
	return s
}

func closeFake(t *testing.T, k *fakeKernel, s *Session) {
	t.Helper()
	require.NoError(t, s.Close())
	require.NoError(t, s.Closing().Err)
	require.Zero(t, k.open(), "sockets are closed")
}

// Whatever others have done to the count before, it is afterwards as honest
// programs would have left it.
func TestSilencedBeforeOpen(t *testing.T) {
	for _, others := range []int{0, 1, 3} {
		for _, by := range []int{1, 3, 100} {
			t.Run(fmt.Sprintf("%d others, %d too many", others, by), func(t *testing.T) {
				kernels(t, func(t *testing.T, k *fakeKernel) {
					for i := range others {
						k.stranger(uint32(5000 + i))
					}
					k.poison(-others - by)

					s := openFake(t, k, Config{Repair: true, StateDirectory: stateDir(t)})
					f := s.Opening()
					require.Equal(t, Finding{Listening: true, Deaf: true, Raised: others + by}, f)
					require.True(t, s.Listening())
					require.Equal(t, 1+others, k.listeners())
					closeFake(t, k, s)
					require.Equal(t, others, k.listeners())
					require.Equal(t, Stats{Listens: 1, Ignores: 1, Deaf: 1, Repairs: uint64(others + by)}, s.Stats())
				})
			})
		}
	}
}

func TestSilencedWhileListening(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.stranger(5000)
		dir := stateDir(t)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		k.on("extra LISTEN", func() { require.Len(t, leaseFiles(t, dir), 1) })
		r := &recorder{}
		done := make(chan error)
		go func() { done <- s.Receive(r) }()
		require.Eventually(t, func() bool { return k.called("wait") > 0 }, time.Minute, time.Millisecond)

		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{Listening: true}, f)

		for i, by := range []int{2, 5, 102} {
			k.poison(-by)
			f, err = s.Check()
			require.NoError(t, err)
			require.Equal(t, Finding{Listening: true, Deaf: true, Raised: by}, f)
			require.Equal(t, 2, k.listeners())
			require.EqualValues(t, i+1, s.Stats().Deaf)
			// Nobody knows what happened meanwhile.
			require.Eventually(t, func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.deaf == i+1
			}, time.Minute, time.Millisecond)
		}
		closeFake(t, k, s)
		require.NoError(t, <-done)
		require.Equal(t, 1, k.listeners())

		_, err = s.Check()
		require.ErrorIs(t, err, ErrClosed)
	})
}

// Without permission to repair, what was found is left behind.
func TestSilencedAndOnlyReported(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.poison(-2)
		dir := stateDir(t)
		s := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, Finding{Deaf: true}, s.Opening())
		require.False(t, s.Listening())
		leases, err := leasesOn(k.system(), dir)
		require.NoError(t, err)
		require.Len(t, leases, 1)
		require.Empty(t, leases[0].Boot, "it claims nothing yet")

		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{}, f, "that is no news")

		orphan(t, k, dir)
		k.poison(+2) // somebody else mends it
		f, err = s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{Listening: true}, f)
		require.True(t, s.Listening())
		leases, err = leasesOn(k.system(), dir)
		require.NoError(t, err)
		require.Len(t, leases, 1, "what dead sessions had left is used up")
		require.Equal(t, "this-boot", leases[0].Boot)
		require.True(t, leases[0].Held)

		k.poison(-1)
		f, err = s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{Deaf: true}, f)
		closeFake(t, k, s)
		require.Equal(t, -1, k.listeners())
		require.Equal(t, Stats{Listens: 1, Ignores: 1, Deaf: 2}, s.Stats())
		require.Empty(t, leaseFiles(t, dir))
	})
}

// A count that is lower than one attempt can mend is mended by several.
func TestSilencedBeyondOneAttempt(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.poison(-2*maxRaises - 10)
		s := openFake(t, k, Config{Repair: true})
		require.Equal(t, Finding{Deaf: true, Raised: maxRaises}, s.Opening())
		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{Raised: maxRaises}, f)
		require.False(t, s.Listening())
		f, err = s.Check()
		require.NoError(t, err)
		require.Equal(t, Finding{Listening: true, Raised: 10}, f)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

// Another session mends while this one waits for its turn.
func TestSilencedAndMendedByAnother(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Repair: true, StateDirectory: stateDir(t)})
	k.poison(-1)
	k.locked = func(f *os.File) (bool, error) {
		k.locked = nil
		k.poison(+1)
		return hostSystem("").flock(f)
	}
	f, err := s.Check()
	require.NoError(t, err)
	require.Equal(t, Finding{Listening: true, Deaf: true}, f)
	closeFake(t, k, s)
	require.Zero(t, k.listeners())
}

// An IGNORE on top of one too many would take the count further down.
func TestSilencedBeforeClose(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		s := openFake(t, k, Config{Repair: true})
		k.poison(-3)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
		require.Equal(t, Finding{Listening: true, Deaf: true, Raised: 3}, s.Closing())
	})
}

// This session's LISTEN has made up for an IGNORE too many, which nobody could
// notice. Whoever is still there hears on.
func TestPart(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.stranger(5000)
		k.stranger(5001)
		s := openFake(t, k, Config{Repair: true})
		k.poison(-2)
		closeFake(t, k, s)
		require.Equal(t, 2, k.listeners())
		require.Equal(t, Finding{Listening: true, Raised: 2}, s.Closing())
	})
}

// Two sessions that end at the same time do not take each other for deafened.
func TestPartBoth(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		sessions := []*Session{openFake(t, k, Config{Repair: true}), openFake(t, k, Config{Repair: true})}
		var closing sync.WaitGroup
		for _, s := range sessions {
			closing.Go(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closing.Wait()
		require.Zero(t, k.listeners())
		require.Zero(t, k.open())
	})
}

// Sessions that end at the same time on a count that is too low leave it right,
// each after the other.
func TestPartAfterPoison(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		for _, by := range []int{1, 2, 4, 7} {
			k.stranger(5000)
			dir := stateDir(t)
			sessions := make([]*Session, 4)
			for i := range sessions {
				sessions[i] = openFake(t, k, Config{Repair: true, StateDirectory: dir})
			}
			k.poison(-by)
			var closing sync.WaitGroup
			for _, s := range sessions {
				closing.Go(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			closing.Wait()
			require.Equal(t, 1, k.listeners())
			require.Empty(t, leaseFiles(t, dir))
			k.mu.Lock()
			k.count, k.strangers = 0, nil
			k.mu.Unlock()
		}
	})
}

// A session that must not repair ends while this one is about to send its IGNORE.
func TestPartWhileAnotherSessionEnds(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.stranger(5000)
		s, other := openFake(t, k, Config{Repair: true}), openFake(t, k, Config{})
		k.poison(-2)
		k.on("IGNORE", sync.OnceFunc(func() { require.NoError(t, other.Close()) }))
		require.NoError(t, s.Close())
		require.Equal(t, 1, k.listeners())
	})
}

// Who leaves while the count is being mended has taken one away, and who comes has
// added one.
func TestMendWhileOthersComeAndGo(t *testing.T) {
	for name, change := range map[string]func(k *fakeKernel){
		"goes before":  func(k *fakeKernel) { k.count--; k.strangers = k.strangers[:1] },
		"goes after":   func(k *fakeKernel) { k.count--; k.strangers = k.strangers[:1] },
		"comes before": func(k *fakeKernel) { k.count++; k.strangers = append(k.strangers, Member{Port: 5002}) },
		"comes after":  func(k *fakeKernel) { k.count++; k.strangers = append(k.strangers, Member{Port: 5002}) },
	} {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				k.stranger(5000)
				k.stranger(5001)
				s := openFake(t, k, Config{Repair: true})
				k.poison(-5)
				at := k.called("members") + 1
				if strings.HasSuffix(name, "after") {
					at++
				}
				k.on("members", func() {
					if k.called("members") == at {
						k.mu.Lock()
						defer k.mu.Unlock()
						change(k)
					}
				})
				if name == "comes before" { // between the list and the first LISTEN
					k.on("members", nil)
					k.on("extra LISTEN", sync.OnceFunc(func() {
						k.mu.Lock()
						defer k.mu.Unlock()
						change(k)
					}))
				}
				_, err := s.Check()
				require.NoError(t, err)
				honest := 1 + len(k.strangers)
				require.GreaterOrEqual(t, k.listeners(), honest)
				require.LessOrEqual(t, k.listeners(), honest+1)
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestRelease(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		orphan(t, k, dir)
		k.count = 2
		s := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, Finding{Listening: true, Released: 2}, s.Opening())
		require.Equal(t, 1, k.listeners())
		require.Len(t, leaseFiles(t, dir), 1)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
		require.Equal(t, Stats{Listens: 1, Ignores: 1, Released: 2}, s.Stats())
	})
}

// What a lease claimed was used up by somebody's IGNORE too many.
func TestReleaseIsMistaken(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		s := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, Finding{Listening: true, Mistaken: 1}, s.Opening())
		require.Equal(t, 1, k.listeners())
		require.Len(t, leaseFiles(t, dir), 1)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

// Where the count had to be mended, leases of dead sessions claim nothing.
func TestReleaseAfterMending(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		k.poison(-1)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		require.Equal(t, Finding{Listening: true, Deaf: true, Raised: 1}, s.Opening())
		require.Len(t, leaseFiles(t, dir), 1)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

// While the machine is deaf nothing would show whether a lease is right.
func TestReleaseWhileDeaf(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	orphan(t, k, dir)
	k.poison(-1)
	s := openFake(t, k, Config{StateDirectory: dir})
	require.Equal(t, Finding{Deaf: true}, s.Opening())
	require.Len(t, leaseFiles(t, dir), 2)
	closeFake(t, k, s)
	require.Equal(t, -1, k.listeners())
	require.Len(t, leaseFiles(t, dir), 1)
}

// Whatever giving back fails at, the count is right or too high.
func TestReleaseFails(t *testing.T) {
	tests := map[string]struct {
		fail  string // step
		at    int    // which of its calls
		after int    // with a true lease
		left  int    // leases
	}{
		"locking":         {fail: "flock", at: 3, after: 2, left: 1},
		"probing":         {fail: "extra dial", at: 2, after: 2, left: 1},
		"dialing to undo": {fail: "extra dial", at: 3, after: 2, left: 1},
		"dialing":         {fail: "extra dial", at: 4, after: 2},
		"op 0":            {fail: "extra op 0", at: always, after: 2},
		"IGNORE":          {fail: "extra IGNORE", at: always, after: 2},
		"the canary":      {fail: "rename", at: 2, after: 2},
		"closing":         {fail: "extra close", at: 2, after: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				dir := stateDir(t)
				orphan(t, k, dir)
				k.count = 1
				k.failNext(tt.fail, tt.at)
				s := openFake(t, k, Config{StateDirectory: dir})
				f := s.Opening()
				require.True(t, f.Listening)
				require.ErrorIs(t, f.Err, errInjected)
				require.Equal(t, tt.after, k.listeners())
				require.Len(t, leaseFiles(t, dir), tt.left+1)
				require.NoError(t, s.Close())
				require.Equal(t, tt.after-1, k.listeners())
			})
		})
	}
}

// Nothing is given back while somebody else is at work on the count, and may take
// it for something else.
func TestReleaseIsLockedOut(t *testing.T) {
	for name, lock := range map[string]func(k *fakeKernel) func(f *os.File) (bool, error){
		"held": func(*fakeKernel) func(f *os.File) (bool, error) {
			return func(f *os.File) (bool, error) {
				if strings.HasPrefix(filepath.Base(f.Name()), leasePrefix) {
					return hostSystem("").flock(f)
				}
				return false, nil
			}
		},
		"failing": func(k *fakeKernel) func(f *os.File) (bool, error) {
			k.failNext("flock", 2)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, dir := newFakeKernel(), stateDir(t)
			orphan(t, k, dir)
			k.count = 1
			k.locked = lock(k)
			k.patience = 0
			s := openFake(t, k, Config{StateDirectory: dir})
			require.Equal(t, Finding{Listening: true, Err: s.Opening().Err}, s.Opening())
			require.ErrorIs(t, s.Opening().Err, errNotLooked)
			require.Equal(t, 2, k.listeners())
			require.NoError(t, s.Close())
			require.Equal(t, 1, k.listeners())
			require.Len(t, leaseFiles(t, dir), 1)
		})
	}
}

// A session that has mended the count has made up for what leases claim. Another
// one must not give that back while they are still there.
func TestReleaseDuringMend(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		k.stranger(5000)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		left := orphan(t, k, dir)
		k.poison(-2)
		opened := make(chan *Session, 1)
		start := sync.OnceFunc(func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				next, err := openOn(k.system(), Config{Repair: true, StateDirectory: dir})
				if err != nil {
					t.Error(err)
				}
				opened <- next
			}()
			select {
			case <-done:
			case <-time.After(hostPatience / 5):
			}
		})
		k.locked = func(f *os.File) (bool, error) {
			if filepath.Base(f.Name()) == filepath.Base(left) {
				start() // the count is mended by now, and the lease is there
			}
			return hostSystem("").flock(f)
		}
		_, err := s.Check()
		require.NoError(t, err)
		next := <-opened
		require.Equal(t, 3, k.listeners())
		require.NoError(t, next.Close())
		closeFake(t, k, s)
		require.Equal(t, 1, k.listeners())
	})
}

// An orphan whose claim cannot be taken back would be given back time and again.
func TestReleaseCannotRemove(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	s := openFake(t, k, Config{StateDirectory: dir})
	path := orphan(t, k, dir)
	file, err := os.Open(path) // not for writing
	require.NoError(t, err)
	k.count = 2

	var f Finding
	require.Error(t, s.giveBack(&lease{dir: s.leases, name: filepath.Base(path), file: file, written: true}, &f))
	require.Zero(t, f)
	require.FileExists(t, path)
	require.Equal(t, 2, k.listeners())
	require.NoError(t, s.Close())
	require.Equal(t, 1, k.listeners())
}

func TestMendFails(t *testing.T) {
	tests := map[string]struct {
		fail   string // step
		at     int    // which of its calls
		fatal  bool   // Check fails; otherwise it goes on, and tells
		after  int    // of 2 listeners, when 3 IGNOREs too many had made them -1
		raised int
	}{
		"probing":                  {fail: "extra dial", at: 1, fatal: true, after: -1},
		"the canary":               {fail: "rename", at: 1, fatal: true, after: -1},
		"closing the probe":        {fail: "extra close", at: 1, fatal: true, after: -1},
		"probing again":            {fail: "extra dial", at: 2, fatal: true, after: -1},
		"the canary, again":        {fail: "rename", at: 2, fatal: true, after: -1},
		"emptying the queue":       {fail: "extra receive", at: 4, fatal: true, after: -1},
		"dialing":                  {fail: "extra dial", at: 3, fatal: true, after: -1},
		"raising":                  {fail: "extra LISTEN", at: always, fatal: true, after: -1},
		"raising further":          {fail: "extra dial", at: 4, fatal: true, after: 0, raised: 1},
		"the canary after raising": {fail: "rename", at: 3, fatal: true, after: 0, raised: 1},
		"listing members":          {fail: "members", at: 1, after: 2, raised: 3},
		"listing members again":    {fail: "members", at: 2, after: 2, raised: 3},
		"listing members, always":  {fail: "members", at: always, after: 1, raised: 2},
		"raising for the others":   {fail: "extra dial", at: 5, fatal: true, after: 1, raised: 2},
		"the lease of the dead":    {fail: "flock", at: 2, after: 2, raised: 3},
		"closing the second probe": {fail: "extra close", at: 5, after: 2, raised: 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				dir := stateDir(t)
				k.stranger(5000)
				s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
				orphan(t, k, dir)
				k.poison(-3)
				k.failNext(tt.fail, tt.at)

				f, err := s.Check()
				if tt.fatal {
					require.ErrorIs(t, err, errInjected)
					require.ErrorContains(t, err, "process connector: check: ")
				} else {
					require.NoError(t, err)
					require.ErrorIs(t, f.Err, errInjected)
				}
				require.Equal(t, tt.after, k.listeners())
				require.Equal(t, tt.raised, f.Raised)

				// Closing mends what is left to mend.
				k.mu.Lock()
				delete(k.fail, tt.fail)
				k.mu.Unlock()
				require.NoError(t, s.Close())
				require.Equal(t, 1, k.listeners())
			})
		})
	}
}

// A canary for which there was no room proves nothing.
func TestCanaryIsDropped(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Repair: true})
	k.full = canaries - 1
	f, err := s.Check()
	require.NoError(t, err)
	require.Equal(t, Finding{Listening: true}, f)

	k.full = canaries
	_, err = s.Check()
	require.ErrorIs(t, err, errDrowned)
	require.True(t, s.Listening(), "as far as is known")
	require.Equal(t, 1, k.listeners())

	for n := range 2 {
		k.failNext("extra drops", n+1)
		k.full = 1
		_, err = s.Check()
		require.ErrorIs(t, err, errInjected)
	}
	require.Equal(t, 1, k.listeners())
	closeFake(t, k, s)
	require.Zero(t, k.listeners())
}

// What is known to be silenced is said to be, also when it cannot be mended.
func TestMendFailsEachTime(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		s := openFake(t, k, Config{Repair: true})
		k.poison(-1)
		k.failNext("extra LISTEN", always)
		for range 3 {
			_, err := s.Check()
			require.ErrorIs(t, err, errInjected)
			require.False(t, s.Listening())
			require.EqualValues(t, 1, s.Stats().Deaf)
		}
		// IGNORE would silence the next program too.
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.Closing().Err, errInjected)
		require.Zero(t, k.listeners())
		require.Zero(t, s.Stats().Ignores)
	})
}

// The same if nobody has looked before.
func TestCloseCannotMend(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		s := openFake(t, k, Config{Repair: true, StateDirectory: stateDir(t)})
		k.poison(-2)
		k.failNext("extra LISTEN", always)
		require.NoError(t, s.Close())
		require.Equal(t, -1, k.listeners())
		require.Zero(t, k.open())
	})
}

// A session that knows that its LISTEN is gone does not claim it, in case it is
// killed before that is mended.
func TestLeaseWhileDeaf(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		s := openFake(t, k, Config{StateDirectory: dir})
		claims := func() bool {
			leases, err := leasesOn(k.system(), dir)
			require.NoError(t, err)
			require.Len(t, leases, 1)
			require.True(t, leases[0].Held)
			return leases[0].Boot != ""
		}
		for range 2 {
			require.True(t, claims())
			k.poison(-1)
			for range 2 {
				_, err := s.Check()
				require.NoError(t, err)
				require.False(t, claims())
			}
			k.poison(+1)
			_, err := s.Check()
			require.NoError(t, err)
		}
		require.True(t, claims())
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

func TestPartFails(t *testing.T) {
	tests := map[string]struct {
		fail  string
		at    int
		after int
	}{
		// Before IGNORE comes one probe with one canary; see TestSilencedBeforeClose.
		"probing":           {fail: "extra dial", at: 2},
		"the canary":        {fail: "rename", at: 2},
		"closing":           {fail: "extra close", at: 2, after: 1},
		"listing members":   {fail: "members", at: 1},
		"raising":           {fail: "extra dial", at: 3},
		"closing the probe": {fail: "extra close", at: 3, after: 1},
		"leaving":           {fail: "leave", at: 1, after: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				k.stranger(5000)
				s := openFake(t, k, Config{Repair: true})
				k.poison(-1)
				k.failNext(tt.fail, tt.at)
				require.NoError(t, s.Close(), "the session's own part is done")
				require.ErrorIs(t, s.Closing().Err, errInjected)
				require.Equal(t, tt.after, k.listeners())
				require.Zero(t, k.open())
			})
		})
	}
}

// A LISTEN that a lease claims must be there.
func TestLeaseCannotBeRemoved(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	s := openFake(t, k, Config{StateDirectory: dir})
	require.NoError(t, s.lease.file.Close())
	for range 2 {
		err := s.Close()
		require.ErrorIs(t, err, ErrLeaseStands)
		require.ErrorContains(t, err, "process connector: ignore: ")
		require.Equal(t, 1, k.listeners())
		require.Zero(t, k.called("IGNORE"))
	}
}
