package cnproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leaseFiles lists the leases in a directory.
func leaseFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, leasePrefix+"*"))
	require.NoError(t, err)
	return files
}

// stateDir makes a directory that may hold leases.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, stateDirMode))
	return dir
}

// orphan leaves a lease behind, as a killed session does.
func orphan(t *testing.T, k *fakeKernel, dir string) string {
	t.Helper()
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	l, err := d.create()
	require.NoError(t, err)
	require.NoError(t, l.file.Close())
	require.NoError(t, d.close())
	return filepath.Join(dir, l.name)
}

// found runs orphans and returns the names that it came to.
func found(t *testing.T, d *leaseDir) []string {
	t.Helper()
	var names []string
	require.NoError(t, d.orphans(func(l *lease) error {
		names = append(names, l.name)
		return l.file.Close()
	}))
	return names
}

func TestLeaseDir(t *testing.T) {
	tests := map[string]struct {
		setup func(t *testing.T, k *fakeKernel, dir string) string // returns the path to be opened
		want  string
	}{
		"is made": {
			setup: func(_ *testing.T, _ *fakeKernel, dir string) string { return filepath.Join(dir, "made") },
		},
		"of a service manager": {
			setup: func(t *testing.T, _ *fakeKernel, dir string) string {
				require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // G302: as RuntimeDirectory= makes it
				return dir
			},
		},
		"cannot be made": {
			setup: func(t *testing.T, _ *fakeKernel, dir string) string {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, leaseMode))
				return filepath.Join(dir, "file", "dir")
			},
			want: "not a directory",
		},
		"a link": {
			setup: func(t *testing.T, _ *fakeKernel, dir string) string {
				require.NoError(t, os.Symlink(dir, dir+"-link"))
				return dir + "-link"
			},
			want: "is a symbolic link",
		},
		"others may write": {
			setup: func(t *testing.T, _ *fakeKernel, dir string) string {
				require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // G302: that is the point
				return dir
			},
			want: "may be written to by others (mode 0777)",
		},
		"another user's": {
			setup: func(_ *testing.T, k *fakeKernel, dir string) string {
				k.uid = os.Geteuid() + 1
				return dir
			},
			want: "belongs to another user",
		},
		"an empty boot id": {
			setup: func(_ *testing.T, k *fakeKernel, dir string) string {
				k.boot = ""
				return dir
			},
			want: "boot id is empty",
		},
		"no boot id": {
			setup: func(_ *testing.T, k *fakeKernel, dir string) string {
				k.failTimes("boot id", 1)
				return dir
			},
			want: "injected",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel()
			path := tt.setup(t, k, stateDir(t))
			d, err := openLeaseDir(k.system(), path)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.Empty(t, found(t, d))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o022)
			require.NoError(t, d.close())
		})
	}
}

// The path is looked at again after the directory was opened, and may have changed
// by then.
func TestLeaseDirIsReplaced(t *testing.T) {
	dir := stateDir(t)
	d, err := openLeaseDir(newFakeKernel().system(), dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorIs(t, d.check(dir), os.ErrNotExist)
	require.NoError(t, d.close())
}

func TestLeaseLives(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)

	l, err := d.create()
	require.NoError(t, err)
	require.Empty(t, found(t, d), "it is held")
	leases, err := leasesOn(k.system(), dir)
	require.NoError(t, err)
	require.Equal(t, []Lease{{Name: l.name, Boot: "this-boot", PID: os.Getpid(), Held: true}}, leases)
	info, err := os.Stat(filepath.Join(dir, l.name))
	require.NoError(t, err)
	require.EqualValues(t, leaseMode, info.Mode().Perm())

	// Its owner ends.
	require.NoError(t, l.file.Close())
	require.Equal(t, []string{l.name}, found(t, d))
	leases, err = leasesOn(k.system(), dir)
	require.NoError(t, err)
	require.Equal(t, []Lease{{Name: l.name, Boot: "this-boot", PID: os.Getpid()}}, leases)

	// While somebody is about to give it back, nobody else is.
	require.NoError(t, d.orphans(func(l *lease) error {
		require.Empty(t, found(t, d))
		return l.remove()
	}))
	require.Empty(t, leaseFiles(t, dir))
	require.Empty(t, found(t, d))
}

// leaseText is what a lease holds that was written to a certain inode.
func leaseText(inode uint64) string {
	return fmt.Sprintf("telegraf-proc-connector lease\nboot this-boot\npid 7\ninode %d\nend\n", inode)
}

// layLease makes a lease that claims something.
func layLease(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, leaseMode))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(leaseText(stat(info).Ino)), leaseMode))
}

func TestLeaseThatClaimsNothing(t *testing.T) {
	whole := leaseText(3)
	info, original := parseLease([]byte(whole))
	require.Equal(t, Lease{Boot: "this-boot", PID: 7}, info)
	require.EqualValues(t, 3, original)

	k := newFakeKernel()
	for n := range whole {
		info, _ := parseLease([]byte(whole[:n]))
		require.Empty(t, info, "cut at %d", n)
	}
	for name, text := range map[string]string{
		"earlier boot": strings.Replace(whole, "this-boot", "that-boot", 1),
		"no boot":      strings.Replace(whole, "this-boot", "", 1),
		"not a pid":    strings.Replace(whole, "7", "seven", 1),
		"not an inode": strings.Replace(whole, "3", "three", 1),
		"a copy":       whole,
		"another tag":  strings.Replace(whole, "boot ", "root ", 1),
		"more":         whole + "\n",
		"empty":        "",
	} {
		t.Run(name, func(t *testing.T) {
			dir := stateDir(t)
			require.NoError(t, os.WriteFile(filepath.Join(dir, leasePrefix+"x"), []byte(text), leaseMode))
			d, err := openLeaseDir(k.system(), dir)
			require.NoError(t, err)
			require.Empty(t, found(t, d))
			require.Empty(t, leaseFiles(t, dir), "it is tidied up")
		})
	}
}

func TestNoLease(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	outside := filepath.Join(t.TempDir(), "outside")
	layLease(t, outside)
	path := func(name string) string { return filepath.Join(dir, leasePrefix+name) }

	require.NoError(t, os.Symlink(outside, path("symlink")))
	require.NoError(t, os.Link(outside, path("hardlink")))
	require.NoError(t, os.Mkdir(path("directory"), stateDirMode))
	require.NoError(t, os.WriteFile(path("large"), make([]byte, maxLease+1), leaseMode))
	layLease(t, filepath.Join(dir, "another"))

	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	require.Empty(t, found(t, d))
	require.Len(t, leaseFiles(t, dir), 4, "nothing is done to them")
	leases, err := leasesOn(k.system(), dir)
	require.NoError(t, err)
	require.Empty(t, leases)

	// What belongs to somebody else.
	layLease(t, path("foreign"))
	d.sys.uid = os.Geteuid() + 1
	require.Empty(t, found(t, d))
	d.sys.uid = os.Geteuid()
	require.Equal(t, []string{leasePrefix + "foreign"}, found(t, d))

	l, err := d.open(leasePrefix+"gone", os.O_RDWR)
	require.Nil(t, l)
	require.NoError(t, err)
}

func TestLeaseErrors(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	orphan(t, k, dir)
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)

	k.failTimes("flock", 1)
	require.ErrorIs(t, d.orphans(func(*lease) error { return errors.New("not locked") }), errInjected)
	k.failTimes("flock", 1)
	_, err = leasesOn(k.system(), dir)
	require.ErrorIs(t, err, errInjected)
	require.ErrorIs(t, d.orphans(func(l *lease) error { return errors.Join(errInjected, l.file.Close()) }), errInjected)

	// A file that cannot be read claims nothing.
	l, err := d.create()
	require.NoError(t, err)
	require.NoError(t, l.file.Close())
	require.Empty(t, readLease(l).Boot)
	require.Error(t, l.write())

	require.NoError(t, d.close())
	require.ErrorIs(t, d.orphans((*lease).remove), os.ErrClosed)
	_, err = d.create()
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = d.open("x", os.O_RDWR)
	require.ErrorIs(t, err, os.ErrClosed)
	locked, unlock := d.lock(hostSystem("").patience, func() bool { return false })
	require.False(t, locked)
	unlock()

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, leaseMode))
	_, err = leasesOn(k.system(), file)
	require.Error(t, err)
	leases, err := leasesOn(k.system(), filepath.Join(dir, "missing"))
	require.NoError(t, err)
	require.Empty(t, leases)
}

// A file that only begins like the name of a lease is somebody else's, and stays.
func TestForeignFilesStay(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	defer d.close()
	foreign := map[string]string{"lease-eth0": "lease {\n}\n", "lease-\x1b]0;x\a": "\x00", "other": leaseMagic}
	for name, text := range foreign {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), leaseMode))
	}
	for _, text := range []string{"", leaseMagic[:5], leaseMagic, leaseMagic + "\nboot old"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "lease-torn"), []byte(text), leaseMode))
		require.NoError(t, d.orphans((*lease).remove))
		require.NoFileExists(t, filepath.Join(dir, "lease-torn"))
	}
	for name, text := range foreign {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, text, string(content))
	}
	leases, err := leasesOn(k.system(), dir)
	require.NoError(t, err)
	require.Empty(t, leases)

	// What is said of one cannot play with a terminal.
	k.failTimes("flock", -1)
	err = d.orphans((*lease).remove)
	require.ErrorIs(t, err, errInjected)
	require.NotContains(t, err.Error(), "\x1b")
}

// Between creating and locking, a session that looks for leases may come.
func TestLeaseIsTakenAway(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)

	refusals := 0
	k.locked = func(f *os.File) (bool, error) {
		switch refusals++; refusals {
		case 1: // it is being looked at
			return false, nil
		case 2: // it was looked at, and removed
			return true, d.root.Remove(filepath.Base(f.Name()))
		default:
			return hostSystem("").flock(f)
		}
	}
	l, err := d.create()
	require.NoError(t, err)
	require.Equal(t, 3, refusals)
	require.Equal(t, []string{filepath.Join(dir, l.name)}, leaseFiles(t, dir))
	require.NoError(t, l.remove())

	k.locked = func(*os.File) (bool, error) { return false, nil }
	_, err = d.create()
	require.ErrorContains(t, err, "removed as soon as they are created")
	require.Empty(t, leaseFiles(t, dir))

	k.locked = func(f *os.File) (bool, error) { return true, f.Close() }
	_, err = d.create()
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestLeaseIsRemoved(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	held := func() *lease {
		d, err := openLeaseDir(k.system(), dir)
		require.NoError(t, err)
		l, err := d.create()
		require.NoError(t, err)
		return l
	}

	l := held()
	require.NoError(t, os.Remove(filepath.Join(dir, l.name)))
	require.NoError(t, l.remove(), "somebody was faster")

	l = held()
	require.NoError(t, l.dir.close())
	require.NoError(t, l.remove(), "it cannot be removed, but emptied")
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	require.Empty(t, found(t, d))

	l = held()
	require.NoError(t, l.dir.close())
	require.NoError(t, l.file.Close())
	require.Error(t, l.remove())
	require.Equal(t, []string{l.name}, found(t, d), "the claim stands")
}

// Somebody has given the lease another name. It claims nothing there either once
// the session has taken back its LISTEN.
func TestLeaseIsMoved(t *testing.T) {
	for name, move := range map[string]func(from, to string) error{"renamed": os.Rename, "linked": os.Link} {
		t.Run(name, func(t *testing.T) {
			k, dir := newFakeKernel(), stateDir(t)
			k.stranger(5000)
			s := openFake(t, k, Config{StateDirectory: dir})
			path := filepath.Join(dir, s.lease.name)
			require.NoError(t, move(path, path+"-moved"))
			closeFake(t, k, s)
			require.Equal(t, 1, k.listeners())

			s = openFake(t, k, Config{StateDirectory: dir})
			require.Equal(t, CheckResult{Listening: true}, s.Opening())
			require.Equal(t, 2, k.listeners())
			require.Len(t, leaseFiles(t, dir), 1, "it is tidied up")
			require.NoError(t, s.Close())
		})
	}
}

// A copy of the directory, say of a backup, claims nothing.
func TestLeaseIsCopied(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	k.stranger(5000)
	s := openFake(t, k, Config{StateDirectory: dir})
	path := filepath.Join(dir, s.lease.name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+"-copy", text, leaseMode))

	next := openFake(t, k, Config{StateDirectory: dir})
	require.Equal(t, CheckResult{Listening: true}, next.Opening())
	require.Equal(t, 3, k.listeners())
	require.NoError(t, next.Close())
	closeFake(t, k, s)
	require.Equal(t, 1, k.listeners())
}

// One session at a time works on the kernel's count, but none waits for ever.
func TestLeaseDirLock(t *testing.T) {
	k, dir := newFakeKernel(), stateDir(t)
	d, err := openLeaseDir(k.system(), dir)
	require.NoError(t, err)
	never := func() bool { return false }

	locked, unlock := d.lock(hostSystem("").patience, never)
	require.True(t, locked)
	waited := make(chan time.Duration)
	start := time.Now()
	go func() {
		_, unlock := d.lock(hostSystem("").patience, never)
		unlock()
		waited <- time.Since(start)
	}()
	time.Sleep(50 * time.Millisecond)
	unlock()
	require.GreaterOrEqual(t, <-waited, 50*time.Millisecond)

	_, unlock = d.lock(hostSystem("").patience, never)
	start = time.Now()
	locked, unlockNothing := d.lock(hostSystem("").patience, never)
	require.False(t, locked)
	unlockNothing()
	require.GreaterOrEqual(t, time.Since(start), hostSystem("").patience)
	_, unlockNothing = d.lock(time.Hour, func() bool { return true }) // at once
	unlockNothing()
	unlock()

	k.failTimes("flock", -1)
	locked, unlock = d.lock(hostSystem("").patience, never)
	require.False(t, locked)
	unlock()
	var none *leaseDir
	locked, unlock = none.lock(hostSystem("").patience, never)
	require.False(t, locked)
	unlock()
	require.NoError(t, none.orphans((*lease).remove))
	require.NoError(t, none.close())
}

// readLease returns what a lease says.
func readLease(l *lease) Lease {
	info, _ := l.read()
	return info
}
