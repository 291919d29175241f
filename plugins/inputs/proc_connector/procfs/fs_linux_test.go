package procfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fixture opens a tree of files, by path, and of links, whose target follows
// "-> ", as a proc mount.
func fixture(t *testing.T, files map[string]string) *FS {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		if target, found := strings.CutPrefix(content, "-> "); found {
			require.NoError(t, os.Symlink(target, path))
		} else {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o640))
		}
	}
	return openFS(t, root)
}

func openFS(t *testing.T, mountPoint string) *FS {
	t.Helper()
	f, err := Open(mountPoint)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestFixture(t *testing.T) {
	f := fixture(t, map[string]string{
		"42/cmdline": "/usr/bin/env\x00\x00a b\x00",
		"42/stat":    statLine("env", "S", "41", "4194304", "3", "100"),
		"42/status":  statusHead + "Uid:\t1000\t0\t0\t0\n",
		"42/cgroup":  "0::/system.slice/docker-" + idA + ".scope\n",
		"42/exe":     "-> /usr/bin/env (deleted)",
		"42/cwd":     "-> /srv/a (deleted) b",
	})

	buf := make([]byte, 64)
	n, err := f.Cmdline(42, buf)
	require.NoError(t, err)
	require.Equal(t, "/usr/bin/env\x00\x00a b\x00", string(buf[:n]))

	n, err = f.Cmdline(42, buf[:5])
	require.NoError(t, err)
	require.Equal(t, "/usr/", string(buf[:n]))

	var st Stat
	require.NoError(t, f.Stat(42, &st))
	require.Equal(t, Stat{Comm: []byte("env"), State: 'S', PPID: 41, Flags: 0x400000, Threads: 3, StartTime: 100}, st)

	var status Status
	require.NoError(t, f.Status(42, &status))
	require.EqualValues(t, 1000, status.UID)

	cgroup, err := f.Cgroup(42)
	require.NoError(t, err)
	require.Equal(t, Cgroup{Unit: "docker-" + idA + ".scope", ContainerID: idA}, cgroup)

	exe, err := f.Exe(42)
	require.NoError(t, err)
	require.Equal(t, "/usr/bin/env", exe)

	cwd, err := f.Cwd(42)
	require.NoError(t, err)
	require.Equal(t, "/srv/a (deleted) b", cwd)
}

// readers are all methods that read one file of a process, by the file's name.
func readers(f *FS) map[string]func(pid int32) error {
	return map[string]func(int32) error{
		"cmdline": func(pid int32) error { _, err := f.Cmdline(pid, make([]byte, 64)); return err },
		"stat":    func(pid int32) error { return f.Stat(pid, new(Stat)) },
		"status":  func(pid int32) error { return f.Status(pid, new(Status)) },
		"cgroup":  func(pid int32) error { _, err := f.Cgroup(pid); return err },
		"exe":     func(pid int32) error { _, err := f.Exe(pid); return err },
		"cwd":     func(pid int32) error { _, err := f.Cwd(pid); return err },
	}
}

func TestErrors(t *testing.T) {
	f := fixture(t, map[string]string{
		"42/cmdline": "", "42/stat": "42 (env", "42/status": "Name:\tenv\n",
		"43/cmdline/d": "", "43/stat/d": "", "43/status/d": "", "43/cgroup/d": "", "43/exe/d": "", "43/cwd/d": "",
	})
	for name, read := range readers(f) {
		t.Run(name, func(t *testing.T) {
			for _, pid := range []int32{7, 0, -1, -2147483648, 2147483647} {
				err := read(pid)
				require.ErrorIs(t, err, ErrGone)
				require.ErrorIs(t, err, unix.ENOENT)
				require.EqualError(t, err, name+": process has ended: no such file or directory")
			}

			// A directory opens but does not read, and is no link.
			err := read(43)
			errno := unix.EISDIR
			if name == "exe" || name == "cwd" {
				errno = unix.EINVAL
			}
			require.ErrorIs(t, err, errno)
			require.NotErrorIs(t, err, ErrGone)
			require.ErrorContains(t, err, "43/"+name+": ")
		})
	}

	t.Run("content", func(t *testing.T) {
		read := readers(f)
		require.ErrorIs(t, read["cmdline"](42), ErrGone)
		require.EqualError(t, read["cmdline"](42), "cmdline: process has ended")
		require.ErrorIs(t, read["stat"](42), errStat)
		require.EqualError(t, read["stat"](42), "42/stat: malformed stat")
		require.ErrorIs(t, read["status"](42), errStatus)
		require.ErrorContains(t, read["status"](42), "42/status: ")

		_, err := f.Cmdline(42, nil)
		require.ErrorIs(t, err, io.ErrShortBuffer)
		require.NotErrorIs(t, err, ErrGone)
	})
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o640))

	_, err := Open(file)
	require.ErrorIs(t, err, unix.ENOTDIR)
	require.EqualError(t, err, fmt.Sprintf("proc mount %q: not a directory", file))

	_, err = Open(file + "s")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, strconv.Quote(file+"s"))

	_, err = Open("")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestClose(t *testing.T) {
	f := fixture(t, map[string]string{"42/cmdline": "a\x00"})
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), os.ErrClosed)
	for name, read := range readers(f) {
		require.ErrorIs(t, read(42), unix.EBADF, name)
	}
	require.ErrorIs(t, f.PIDs(func(int32) bool { return true }), unix.EBADF)
}

func TestPIDs(t *testing.T) {
	files := map[string]string{
		"self/stat": "", "sys/stat": "", "01/stat": "", "+2/stat": "", "-3/stat": "", "4a/stat": "", "1_0/stat": "",
		"2147483648/stat": "", "99999999999999999999/stat": "", "0/stat": "", "stat": "", "5 /stat": "",
	}
	want := make([]int32, 0, 3+2*namesAtATime)
	want = append(want, 1, 10, 2147483647)
	// More than one batch of names.
	for pid := range int32(2 * namesAtATime) {
		want = append(want, 1000+pid)
	}
	for _, pid := range want {
		files[fmt.Sprintf("%d/stat", pid)] = statLine("x", "S", "1", "0", "1", "1")
	}
	f := fixture(t, files)

	// Twice: a second listing starts from the beginning again.
	for range 2 {
		var got []int32
		require.NoError(t, f.PIDs(func(pid int32) bool {
			require.NoError(t, f.Stat(pid, new(Stat)))
			got = append(got, pid)
			return true
		}))
		require.ElementsMatch(t, want, got)
	}

	calls := 0
	require.NoError(t, f.PIDs(func(int32) bool { calls++; return calls < 3 }))
	require.Equal(t, 3, calls)
}

func TestSelf(t *testing.T) {
	f := openFS(t, "/proc")
	pid := int32(os.Getpid())

	buf := make([]byte, 64<<10)
	n, err := f.Cmdline(pid, buf)
	require.NoError(t, err)
	require.Equal(t, strings.Join(os.Args, "\x00")+"\x00", string(buf[:n]))

	var status Status
	require.NoError(t, f.Status(pid, &status))
	require.EqualValues(t, os.Getuid(), status.UID)

	exe, err := f.Exe(pid)
	require.NoError(t, err)
	want, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, want, exe)

	cwd, err := f.Cwd(pid)
	require.NoError(t, err)
	want, err = os.Getwd()
	require.NoError(t, err)
	require.Equal(t, want, cwd)

	content, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	cgroup, err := f.Cgroup(pid)
	require.NoError(t, err)
	require.Equal(t, ParseCgroup(string(content)), cgroup)

	found := false
	require.NoError(t, f.PIDs(func(other int32) bool { found = other == pid; return !found }))
	require.True(t, found)

	var st Stat
	require.NoError(t, f.Stat(pid, &st))
	require.EqualValues(t, os.Getppid(), st.PPID)
	require.Positive(t, st.Threads)
	require.Positive(t, st.StartTime)
	require.False(t, st.Exiting())
	require.False(t, st.KernelThread())
}

func TestHostileName(t *testing.T) {
	f := openFS(t, "/proc")
	pid := int32(os.Getpid())
	before, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = os.WriteFile("/proc/self/comm", before[:len(before)-1], 0) //nolint:errcheck // no other test needs the old name
	})
	for _, comm := range []string{"a) Z 1 (b", "a\nUid:\t9\t", ")", "(", " "} {
		require.NoError(t, os.WriteFile("/proc/self/comm", []byte(comm), 0))
		var st Stat
		require.NoError(t, f.Stat(pid, &st))
		require.Equal(t, comm, string(st.Comm))
		require.EqualValues(t, os.Getppid(), st.PPID)

		var status Status
		require.NoError(t, f.Status(pid, &status))
		require.EqualValues(t, os.Getuid(), status.UID)
		require.Equal(t, comm, string(status.Name))
		require.EqualValues(t, os.Getppid(), status.PPID)
	}
}

func TestLifeAndDeath(t *testing.T) {
	f := openFS(t, "/proc")
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() //nolint:errcheck // fails once the test has waited for it
		_ = cmd.Wait()         //nolint:errcheck // killed, or waited for already
	})
	pid := int32(cmd.Process.Pid)

	var st Stat
	require.NoError(t, f.Stat(pid, &st))
	require.EqualValues(t, os.Getpid(), st.PPID)
	require.False(t, st.Exiting())

	// Opened while the process lives, read once it is gone: that is ESRCH.
	held, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	defer held.Close()

	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool { return f.Stat(pid, &st) == nil && st.State == 'Z' }, time.Minute, time.Millisecond)
	require.True(t, st.Exiting())
	require.Equal(t, "sleep", string(st.Comm))
	require.NotZero(t, st.Flags&pfExiting)
	_, err = f.Cmdline(pid, make([]byte, 64))
	require.ErrorIs(t, err, ErrGone, "a zombie has no command line")
	var status Status
	require.NoError(t, f.Status(pid, &status))
	require.True(t, status.Exiting())

	require.Error(t, cmd.Wait())
	for name, read := range readers(f) {
		require.ErrorIs(t, read(pid), ErrGone, name)
	}
	_, err = held.Read(make([]byte, 64))
	require.ErrorIs(t, err, unix.ESRCH)
	require.ErrorIs(t, f.fail(pid, "stat", err), ErrGone)
	require.ErrorIs(t, f.fail(pid, "stat", err), unix.ESRCH)
}

// A descriptor that is left open, or handed to children, would go unnoticed
// for hours and then end the plugin.
func TestDescriptors(t *testing.T) {
	f := fixture(t, map[string]string{"42/cmdline": "a\x00", "43/stat/d": ""})
	before := descriptors(t)
	for range 3 {
		_ = f.Stat(43, new(Stat)) //nolint:errcheck // opens, then fails to read
		for _, read := range readers(f) {
			_ = read(42) //nolint:errcheck // what it leaves open counts, also when it fails
		}
		require.NoError(t, f.PIDs(func(int32) bool { return false }))
	}
	require.Equal(t, before, descriptors(t))

	fd, err := openat(f.dir(), f.relative(42, "cmdline"))
	require.NoError(t, err)
	defer unix.Close(fd)
	for _, fd := range []int{fd, f.dir()} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		require.NoError(t, err)
		require.NotZero(t, flags&unix.FD_CLOEXEC)
	}
}

// descriptors lists the open files of this process by what they point to.
func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	open := map[string]bool{}
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // the listing's own
		}
		require.NoError(t, err)
		open[entry.Name()+" "+target] = true
	}
	return slices.Sorted(maps.Keys(open))
}

func TestAllocatesNothing(t *testing.T) {
	f := openFS(t, "/proc")
	pid := int32(os.Getpid())
	buf := make([]byte, 4096)
	var st Stat
	var n int
	var err error
	require.Zero(t, testing.AllocsPerRun(100, func() { n, err = f.Cmdline(pid, buf) }))
	require.NoError(t, err)
	require.NotZero(t, n)
	require.Zero(t, testing.AllocsPerRun(100, func() { err = f.Stat(pid, &st) }))
	require.NoError(t, err)
	require.EqualValues(t, os.Getppid(), st.PPID)
	require.Zero(t, testing.AllocsPerRun(100, func() { err = f.Stat(-1, &st) }))
	require.ErrorIs(t, err, ErrGone)
}

func BenchmarkCmdline(b *testing.B) {
	f, err := Open("/proc")
	require.NoError(b, err)
	defer f.Close()
	pid, buf := int32(os.Getpid()), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Cmdline(pid, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStat(b *testing.B) {
	f, err := Open("/proc")
	require.NoError(b, err)
	defer f.Close()
	pid, st := int32(os.Getpid()), Stat{}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Stat(pid, &st); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseStat(b *testing.B) {
	line, st := []byte(statLine("bash", "S", "4710", "4194304", "1", "8812345")), Stat{}
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseStat(line, &st); err != nil {
			b.Fatal(err)
		}
	}
}
