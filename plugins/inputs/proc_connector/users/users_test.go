package users

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

// hostEtc makes dir the host's /etc, with that passwd file.
func hostEtc(t *testing.T, passwd string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwd), 0o600))
	t.Setenv("HOST_ETC", dir)
}

func TestHostEtc(t *testing.T) {
	hostEtc(t, strings.Join([]string{
		"# joe:x:1000:1000::/:/bin/sh",
		"+nis:x:1000:1000::/:/bin/sh", "-nis:x:1000:1000::/:/bin/sh", "+::::::",
		"", ":x:1000:1000::/:/bin/sh", "joe", "joe:x", "joe:x:1000", "joe:1000:5:5::/:/bin/sh",
		strings.Repeat("x", 300) + ":x:1000:1000::/:/bin/sh",
		"long:x:7:7:" + strings.Repeat("x", 1<<20) + ":/:/bin/sh",
		"jörg:x:1000:1000:Jörg,,,:/home/jörg:/bin/sh",
		"second:x:1000:1000::/:/bin/sh",
		"al\x1b[2Jice\xff:x:4294967294:1:::",
		"last:x:1001:1",
	}, "\n"))
	names, err := New()
	require.NoError(t, err)
	for uid, want := range map[uint32]string{
		1000: "jörg", 4294967294: `al\x1b[2Jice` + "\ufffd", 1001: "last", 5: "joe", 7: "long", 0: "0", 1002: "1002", 100: "100",
	} {
		require.Equal(t, want, names.Name(uid, time.Now()))
	}
}

// Without a passwd file that can be read users are shown by their ids; one that appears
// later is read.
func TestHostEtcMissing(t *testing.T) {
	hostEtc(t, "")
	file := filepath.Join(os.Getenv("HOST_ETC"), "passwd")
	require.NoError(t, os.Remove(file))
	names, err := New()
	require.ErrorIs(t, err, fs.ErrNotExist)
	now := time.Now()
	require.Equal(t, "1000", names.Name(1000, now))
	require.NoError(t, os.WriteFile(file, []byte("joe:x:1000:1000::/:/bin/sh\n"), 0o600))
	require.Equal(t, "joe", names.Name(1000, now.Add(expiry)))
}

// No more of a file is read than users fit into, however large it is.
func TestHostEtcIsBounded(t *testing.T) {
	t.Setenv("HOST_ETC", t.TempDir())
	file := filepath.Join(os.Getenv("HOST_ETC"), "passwd")
	require.NoError(t, os.WriteFile(file, []byte("joe:x:1000:1000::/:/bin/sh\n"), 0o600))
	require.NoError(t, os.Truncate(file, 1<<40)) // a hole, without a line break
	_, err := lookupIn(file, "1000")
	require.NoError(t, err)
	_, err = lookupIn(file, "1001")
	require.Error(t, err)
	_, err = lookupIn(file+".none", "1000")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Without HOST_ETC names are those of this system.
func TestNoHostEtc(t *testing.T) {
	t.Setenv("HOST_ETC", "")
	names, err := New()
	require.NoError(t, err)
	root, err := names.Lookup("0")
	require.NoError(t, err)
	want, err := user.LookupId("0")
	require.NoError(t, err)
	require.Equal(t, want.Username, root.Username)
	_, err = names.Lookup("3999999999")
	require.ErrorAs(t, err, new(user.UnknownUserIdError))
}

func TestUserNames(t *testing.T) {
	lookups := 0
	u := Names{Lookup: func(uid string) (*user.User, error) {
		lookups++
		if uid == "1000" {
			return &user.User{Username: "al\x1bice"}, nil
		}
		return nil, user.UnknownUserIdError(0)
	}}
	now := time.Now()
	for range 3 {
		require.Equal(t, `al\x1bice`, u.Name(1000, now))
		require.Equal(t, "1001", u.Name(1001, now), "an unknown user is shown by id, and remembered as well")
	}
	require.Equal(t, 2, lookups)
	require.Equal(t, `al\x1bice`, u.Name(1000, now.Add(2*expiry)))
	require.Equal(t, 3, lookups, "names change")

	for uid := range uint32(2 * memo.Limit) {
		u.Name(uid, now.Add(2*expiry))
	}
	before := lookups
	u.Name(0, now.Add(2*expiry))
	require.Equal(t, before+1, lookups, "not all are remembered")
	require.Zero(t, testing.AllocsPerRun(100, func() { u.Boxed(0, now.Add(2*expiry)) }))
}

// While a server is asked for one name, others are had.
func TestLookupWithoutLock(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	u := Names{Lookup: func(uid string) (*user.User, error) {
		if uid == "1000" {
			close(asked)
			<-answer
		}
		return &user.User{Username: "user " + uid}, nil
	}}
	now := time.Now()
	done := make(chan string)
	for range 2 { // the second waits for the answer to the first
		go func() { done <- u.Name(1000, now) }()
	}
	<-asked
	require.Equal(t, "user 1001", u.Name(1001, now))
	close(answer)
	require.Equal(t, "user 1000", <-done)
	require.Equal(t, "user 1000", <-done)
}
