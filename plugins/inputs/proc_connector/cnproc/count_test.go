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

// What changes the count is in one file, so that its rules can be read in one place.
func TestCountIsChangedInOneFile(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, word := range []string{".send(", "sendPairs(", "newRequest("} {
			if file == "abi.go" && word == "newRequest(" {
				continue // where it is declared
			}
			found := strings.Contains(string(text), word)
			require.Equal(t, file == "count.go", found, "%s in %s", word, file)
		}
	}
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
					require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: others + by, Others: others}, f)
					require.True(t, s.Listening())
					require.Equal(t, 1+others, k.listeners())
					closeFake(t, k, s)
					require.Equal(t, others, k.listeners())
					require.Equal(t, Stats{Listens: 1, Ignores: 1, Deaf: 1, DeafDepth: uint64(others + by), Repairs: uint64(others + by)}, s.Stats())
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
		go func() { done <- follow(s, r.take) }()
		require.Eventually(t, func() bool { return k.called("wait") > 0 }, time.Minute, time.Millisecond)

		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true}, f)

		for i, by := range []int{2, 5, 102} {
			k.poison(-by)
			f, err = s.Check()
			require.NoError(t, err)
			require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: by, Others: 1}, f)
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
		require.Equal(t, CheckResult{Silenced: true}, s.Opening())
		require.False(t, s.Listening())
		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{}, f, "that is no news")

		orphan(t, k, dir)
		k.poison(+2) // somebody else mends it
		f, err = s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true}, f)
		require.True(t, s.Listening())
		leases, err := leasesOn(k.system(), dir)
		require.NoError(t, err)
		require.Len(t, leases, 1, "what dead sessions had left is used up")
		require.Equal(t, "this-boot", leases[0].Boot)
		require.True(t, leases[0].Held)

		k.poison(-1)
		f, err = s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{Silenced: true}, f)
		closeFake(t, k, s)
		require.Equal(t, -1, k.listeners())
		require.Equal(t, Stats{Listens: 1, Ignores: 1, Deaf: 2}, s.Stats())
		require.Empty(t, leaseFiles(t, dir))
	})
}

// A count that is lower than one repair has time for is repaired by several.
func TestSilencedBeyondOneRepair(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.budget = -1 // each ends after one step
		k.stranger(5000)
		k.poison(-5)
		s := openFake(t, k, Config{Repair: true})
		require.Equal(t, CheckResult{Silenced: true, Listens: 1}, s.Opening())
		for i := range 2 {
			f, err := s.Check()
			require.NoError(t, err)
			require.Equal(t, CheckResult{Listens: 2 + i}, f)
			require.False(t, s.Listening())
		}
		k.mu.Lock()
		k.count++ // somebody else
		k.mu.Unlock()
		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true}, f)
		closeFake(t, k, s)
		require.EqualValues(t, 3, s.Stats().Repairs)
		require.EqualValues(t, 3, s.Stats().DeafDepth)
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
	require.Equal(t, CheckResult{Listening: true, Silenced: true}, f)
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
		require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: 3}, s.Closing())
	})
}

// A rider is a member that has not sent LISTEN, or has sent IGNORE and kept its
// socket. Nothing is done for it, and nobody is accused.
func TestRiders(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		for _, riders := range []int{1, 12} {
			dir := stateDir(t)
			before := openFake(t, k, Config{Repair: true, StateDirectory: dir})
			for range riders {
				k.rider()
			}
			s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
			f, err := s.Check()
			require.NoError(t, err)
			require.Equal(t, CheckResult{Listening: true}, f)
			for _, s := range []*Session{before, s} {
				require.NoError(t, s.Close())
				require.Equal(t, CheckResult{Listening: true}, s.Opening())
				require.Equal(t, CheckResult{Listening: true}, s.Closing())
			}
			require.Zero(t, k.listeners())
			require.Empty(t, leaseFiles(t, dir))

			e, err := examineOn(k.system(), Config{})
			require.NoError(t, err)
			require.Len(t, e.Others, riders)
			require.True(t, e.Heard)
			f, err = reconcileOn(k.system(), Config{Repair: true, StateDirectory: dir})
			require.NoError(t, err)
			require.Equal(t, CheckResult{Listening: true}, f)
			require.Zero(t, k.listeners())
			k.strangers = nil
		}
	})
}

// The same if the others are victims: nothing tells them from riders when a session
// ends that has heard all the time.
func TestCloseDoesNothingForOthers(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.stranger(5000)
		k.stranger(5001)
		s := openFake(t, k, Config{Repair: true})
		k.poison(-2)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
		require.Equal(t, CheckResult{Listening: true}, s.Closing())
	})
}

// Two sessions that end at the same time do not take each other for deafened.
func TestCloseBoth(t *testing.T) {
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

// Sessions that end at the same time on a count that is too low leave it right, each
// after the other, if one of them has found the connector silenced.
func TestCloseAfterPoison(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		for by, after := range map[int]int{1: 0, 2: 1, 4: 1, 7: 1} {
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
			require.Equal(t, after, k.listeners())
			require.Empty(t, leaseFiles(t, dir))
			k.mu.Lock()
			k.count, k.strangers = 0, nil
			k.mu.Unlock()
		}
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
		require.Equal(t, CheckResult{Listening: true, Released: 2}, s.Opening())
		require.Equal(t, 1, k.listeners())
		require.Len(t, leaseFiles(t, dir), 1)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
		require.Equal(t, Stats{Listens: 1, Ignores: 1, Released: 2}, s.Stats())
	})
}

// What a lease claimed was used up by an unmatched IGNORE, and nobody else is there.
func TestReleaseIsMistaken(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		s := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, CheckResult{Listening: true, Mistaken: 1}, s.Opening())
		require.Equal(t, 1, k.listeners())
		require.Len(t, leaseFiles(t, dir), 1)
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

// With others in the group a lease is believed as far as the count is above what
// all of them can have sent, whether it was forged, or mistaken, or is true.
func TestReleaseBesideOthers(t *testing.T) {
	for _, repair := range []bool{false, true} {
		for _, honest := range []int{1, 2, maxSurplus} {
			for leaked := range 3 {
				t.Run(fmt.Sprintf("repair %v, %d honest, %d leaked", repair, honest, leaked), func(t *testing.T) {
					kernels(t, func(t *testing.T, k *fakeKernel) {
						for i := range honest {
							k.stranger(uint32(5000 + i))
						}
						k.count += leaked
						dir := stateDir(t)
						orphan(t, k, dir)
						orphan(t, k, dir)
						s := openFake(t, k, Config{Repair: repair, StateDirectory: dir})
						require.Equal(t, CheckResult{Listening: true, Released: leaked, Kept: 2 - leaked}, s.Opening())
						require.Equal(t, honest+1, k.listeners())
						require.Len(t, leaseFiles(t, dir), 1+2-leaked)
						closeFake(t, k, s)
						require.Equal(t, honest, k.listeners())
					})
				})
			}
		}
	}
}

// Where one system call cannot tell, because there are so many others, nothing is
// given back.
func TestReleaseInACrowd(t *testing.T) {
	for _, others := range []int{maxSurplus + 1, maxMembers + 1} {
		kernels(t, func(t *testing.T, k *fakeKernel) {
			for range others {
				k.rider()
			}
			dir := stateDir(t)
			orphan(t, k, dir)
			k.count = 1
			s := openFake(t, k, Config{StateDirectory: dir})
			require.Equal(t, CheckResult{Listening: true, Kept: 1}, s.Opening())
			closeFake(t, k, s)
			require.Equal(t, 1, k.listeners())
			require.Len(t, leaseFiles(t, dir), 1)
		})
	}
}

// Others come and go while it is found out whether the count has one to spare.
func TestReleaseWhileOthersComeAndGo(t *testing.T) {
	tests := map[string]struct {
		setup  func(k *fakeKernel)
		change func(k *fakeKernel)
		always bool // and not once
		want   CheckResult
		after  int
	}{
		"is on its way out": {
			change: func(k *fakeKernel) {
				if k.calls["members"] == 4 {
					k.strangers = k.strangers[:2]
				}
			},
			setup: func(k *fakeKernel) { k.strangers = append(k.strangers, Member{Port: 5002}) }, always: true,
			want: CheckResult{Listening: true, Released: 1}, after: 2,
		},
		"comes": {
			change: func(k *fakeKernel) { k.strangers = append(k.strangers, Member{Port: 5002}) }, // a rider
			want:   CheckResult{Listening: true, Kept: 1}, after: 3,
		},
		"comes and listens": {
			change: func(k *fakeKernel) { k.count++; k.strangers = append(k.strangers, Member{Port: 5002}) },
			want:   CheckResult{Listening: true, Released: 1}, after: 3,
		},
		"goes": {
			change: func(k *fakeKernel) { k.count--; k.strangers = k.strangers[:1] },
			want:   CheckResult{Listening: true, Released: 1}, after: 1,
		},
		"one for another": {
			change: func(k *fakeKernel) { k.strangers[1] = Member{Port: 5003} },
			want:   CheckResult{Listening: true, Released: 1}, after: 2,
		},
		"all the time": {
			change: func(k *fakeKernel) { k.strangers[1].Port++ }, always: true,
			want: CheckResult{Listening: true, Kept: 1}, after: 3,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kernels(t, func(t *testing.T, k *fakeKernel) {
				k.stranger(5000)
				k.stranger(5001)
				dir := stateDir(t)
				orphan(t, k, dir)
				k.count++
				if tt.setup != nil {
					tt.setup(k)
				}
				if name == "is on its way out" {
					k.grace = time.Minute
				}
				k.on("members", func() {
					if tt.always || k.called("members") == 2 {
						k.mu.Lock()
						defer k.mu.Unlock()
						tt.change(k)
					}
				})
				s := openFake(t, k, Config{StateDirectory: dir})
				require.Equal(t, tt.want, s.Opening())
				require.NoError(t, s.Close())
				require.Equal(t, tt.after, k.listeners())
			})
		})
	}
}

// Of a crowd most are there to make a repair expensive.
func TestRepairInACrowd(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		s := openFake(t, k, Config{Repair: true})
		for range maxMembers + 1 {
			k.rider()
		}
		k.poison(-3)
		f, err := s.Check()
		require.NoError(t, err)
		require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: 3, Crowd: true}, f)
		require.Equal(t, 1, k.listeners())
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
	})
}

// A stop does not wait for a repair, however far the count is below zero.
func TestIgnoreInterruptsRepair(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		k.budget = time.Hour
		s := openFake(t, k, Config{Repair: true})
		k.poison(-1 << 30)
		ignored := make(chan error, 1)
		k.on("extra LISTEN", sync.OnceFunc(func() {
			s.mayRepair = false // for the stop itself, which has a budget of its own
			go func() { ignored <- s.Ignore() }()
			for !s.hurry.Load() {
				time.Sleep(time.Millisecond)
			}
		}))
		_, err := s.Check()
		require.NoError(t, err)
		require.NoError(t, <-ignored)
		require.NoError(t, s.Close())
	})
}

// The kernel's count is an int.
func TestRepairHasAnEnd(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Repair: true})
	k.poison(-1)
	s.depth = maxDepth
	s.state = stateSilenced
	_, err := s.Check()
	require.ErrorIs(t, err, errTooDeep)
	require.Zero(t, k.listeners())
	require.NoError(t, s.Close())
	require.Zero(t, k.listeners())
}

// Where the count had to be mended, leases of dead sessions claim nothing.
func TestReleaseAfterMending(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		orphan(t, k, dir)
		k.poison(-1)
		s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
		require.Equal(t, CheckResult{Listening: true, Silenced: true, Listens: 1}, s.Opening())
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
	require.Equal(t, CheckResult{Silenced: true}, s.Opening())
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
		"listing members":       {fail: "members", at: 1, after: 2, left: 1},
		"listing members again": {fail: "members", at: 2, after: 2, left: 1},
		"probing":               {fail: "extra dial", at: 1, after: 2, left: 1},
		"dialing":               {fail: "extra dial", at: 2, after: 2, left: 1},
		"the first op 0":        {fail: "extra op 0", at: 1, after: 2, left: 1},
		"lowering to look":      {fail: "extra IGNORE", at: 1, after: 2, left: 1},
		"the second op 0":       {fail: "extra op 0", at: 2, after: 2, left: 1},
		"raising after it":      {fail: "extra LISTEN", at: 1, after: 2, left: 1},
		"looking":               {fail: "extra receive", at: 1, after: 2, left: 1},
		"closing the sender":    {fail: "extra close", at: 1, after: 2, left: 1},
		"closing the probe":     {fail: "extra close", at: 2, after: 2, left: 1},
		"dialing to lower":      {fail: "extra dial", at: 3, after: 2, left: 1},
		"lowering":              {fail: "extra IGNORE", at: always, after: 2, left: 1},
		"closing after it":      {fail: "extra close", at: 3, after: 1},
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
				require.Zero(t, k.open())
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
			require.Equal(t, CheckResult{Listening: true, Err: s.Opening().Err}, s.Opening())
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
			case <-time.After(hostSystem("").patience / 5):
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

// An orphan that cannot be removed is given back only once: the count tells.
func TestReleaseCannotRemove(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	s := openFake(t, k, Config{StateDirectory: dir})
	path := orphan(t, k, dir)
	file, err := os.Open(path) // not for writing
	require.NoError(t, err)
	k.count = 2

	for range 3 {
		var f CheckResult
		require.Error(t, s.giveBack(&lease{dir: s.leases, name: filepath.Base(path), file: file}, &f, time.Now()))
		require.Equal(t, 1, k.listeners())
	}
	require.EqualValues(t, 1, s.Stats().Released)
	require.NoError(t, s.Close())
	require.Zero(t, k.listeners())
}

func TestRepairFails(t *testing.T) {
	tests := map[string]struct {
		fail   string // step
		at     int    // which of its calls
		fatal  bool   // Check fails; otherwise it goes on, and tells
		after  int    // of 2 listeners, when 3 IGNOREs too many had made them -1
		raised int
		closed int // when the session has ended
	}{
		"probing":                 {fail: "extra dial", at: 1, fatal: true, after: -1, closed: 1},
		"the canary":              {fail: "rename", at: 1, fatal: true, after: -1, closed: 1},
		"the canary, again":       {fail: "rename", at: 2, fatal: true, after: -1, closed: 1},
		"emptying the queue":      {fail: "extra receive", at: 4, fatal: true, after: -1, closed: 1},
		"dialing":                 {fail: "extra dial", at: 2, fatal: true, after: -1, closed: 1},
		"op 0":                    {fail: "extra op 0", at: always, fatal: true, after: -1, closed: 1},
		"raising":                 {fail: "extra LISTEN", at: always, fatal: true, after: -1, closed: 1},
		"looking":                 {fail: "extra receive", at: 5, fatal: true, after: 0, raised: 1, closed: 1},
		"lowering to one":         {fail: "extra IGNORE", at: always, fatal: true, after: 2, raised: 3, closed: 1},
		"closing the sender":      {fail: "extra close", at: 1, fatal: true, after: 1, raised: 2},
		"the canary after it":     {fail: "rename", at: 3, fatal: true, after: 1, raised: 2},
		"listing members":         {fail: "members", at: 1, after: 2, raised: 3, closed: 1},
		"listing members again":   {fail: "members", at: 2, after: 2, raised: 3, closed: 1},
		"listing members, always": {fail: "members", at: always, after: 1, raised: 2},
		"dialing for the others":  {fail: "extra dial", at: 3, fatal: true, after: 1, raised: 2},
		"closing after that":      {fail: "extra close", at: 2, fatal: true, after: 2, raised: 3, closed: 1},
		"the lease of the dead":   {fail: "flock", at: 2, after: 2, raised: 3, closed: 1},
		"closing the probe":       {fail: "extra close", at: 3, after: 2, raised: 3, closed: 1},
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
				require.Equal(t, tt.raised, f.Listens)

				k.failTimes(tt.fail, 0)
				require.NoError(t, s.Close())
				require.Equal(t, tt.closed, k.listeners())
			})
		})
	}
}

// One lease that makes trouble does not keep the others from being given back.
func TestReleaseGoesOn(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		bad := map[string]bool{}
		for i := range 4 {
			path := orphan(t, k, dir)
			bad[filepath.Base(path)] = i%2 == 0
		}
		k.count = 4
		k.locked = func(f *os.File) (bool, error) {
			if bad[filepath.Base(f.Name())] {
				return false, errInjected
			}
			return hostSystem("").flock(f)
		}
		s := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, 2, s.Opening().Released)
		require.ErrorIs(t, s.Opening().Err, errInjected)
		require.NoError(t, s.Close())
		require.Equal(t, 2, k.listeners())
		require.Len(t, leaseFiles(t, dir), 2)
	})
}

// A canary for which there was no room proves nothing.
func TestCanaryIsDropped(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Repair: true})
	k.full = canaries - 1
	f, err := s.Check()
	require.NoError(t, err)
	require.Equal(t, CheckResult{Listening: true}, f)

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

// A canary that somebody has sent before proves nothing.
func TestCanaryIsStale(t *testing.T) {
	k := newFakeKernel()
	k.count = 1
	p, err := openProbe(k.system())
	require.NoError(t, err)
	_, err = k.rename()
	require.NoError(t, err)
	k.poison(-1)
	heard, err := p.heard()
	require.NoError(t, err)
	require.False(t, heard)
	require.NoError(t, p.sock.close())
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

// The lease stands from before LISTEN until after IGNORE, whatever others do to the
// count meanwhile.
func TestLeaseClaimsThroughout(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		claims := func() {
			leases, err := leasesOn(k.system(), dir)
			require.NoError(t, err)
			require.Len(t, leases, 1)
			require.True(t, leases[0].Held)
			require.NotEmpty(t, leases[0].Boot)
		}
		k.on("LISTEN", claims)
		k.on("IGNORE", claims)
		s := openFake(t, k, Config{StateDirectory: dir})
		for range 2 {
			claims()
			k.poison(-1)
			for range 2 {
				_, err := s.Check()
				require.NoError(t, err)
				claims()
			}
			k.poison(+1)
			_, err := s.Check()
			require.NoError(t, err)
		}
		claims()
		closeFake(t, k, s)
		require.Zero(t, k.listeners())
		require.Equal(t, 1, k.called("LISTEN"))
		require.Equal(t, 1, k.called("IGNORE"))
	})
}

// A lease that outlives its session claims nothing that is there, and harms nobody.
func TestLeaseCannotBeRemoved(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	s := openFake(t, k, Config{StateDirectory: dir})
	require.NoError(t, s.lease.file.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Closing().Err, os.ErrClosed)
	require.ErrorContains(t, s.Closing().Err, "lease")
	require.Zero(t, k.listeners())
}

// When IGNORE cannot be sent, the lease stays for the next session.
func TestLeaseWithoutIgnore(t *testing.T) {
	kernels(t, func(t *testing.T, k *fakeKernel) {
		dir := stateDir(t)
		s := openFake(t, k, Config{StateDirectory: dir})
		k.failNext("IGNORE", always)
		for range 2 {
			require.ErrorIs(t, s.Close(), errInjected)
			require.Equal(t, 1, k.listeners())
			require.Len(t, leaseFiles(t, dir), 1)
		}
		k.failTimes("IGNORE", 0)
		next := openFake(t, k, Config{StateDirectory: dir})
		require.Equal(t, CheckResult{Listening: true, Released: 1}, next.Opening())
		closeFake(t, k, next)
		require.Zero(t, k.listeners())
		require.Empty(t, leaseFiles(t, dir))
	})
}

// A session that was silenced, and cannot find out whether it still is, sends no
// IGNORE and leaves its lease.
func TestLeaseWhenUnsure(t *testing.T) {
	for repaired, left := range map[int]int{0: 0, 1: 1} {
		kernels(t, func(t *testing.T, k *fakeKernel) {
			dir := stateDir(t)
			s := openFake(t, k, Config{Repair: true, StateDirectory: dir})
			k.poison(-1)
			k.failNext("extra LISTEN", always)
			_, err := s.Check()
			require.ErrorIs(t, err, errInjected)
			k.poison(repaired) // by somebody else
			k.failNext("extra dial", 1)
			require.NoError(t, s.Close())
			require.ErrorIs(t, s.Closing().Err, errInjected)
			require.Equal(t, left, k.listeners())
			require.Len(t, leaseFiles(t, dir), 1)

			k.failTimes("extra LISTEN", 0)
			next := openFake(t, k, Config{StateDirectory: dir})
			require.Equal(t, CheckResult{Listening: true, Released: left, Mistaken: 1 - left}, next.Opening())
			closeFake(t, k, next)
			require.Zero(t, k.listeners())
			require.Empty(t, leaseFiles(t, dir))
		})
	}
}
