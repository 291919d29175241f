package truecount

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// lock is held while a test of this process uses the connector.
var lock struct {
	mu    sync.Mutex
	users int
	dir   *os.File
}

// Lock has the test wait until no other one uses the live connector, in whichever
// package: go test runs several at a time. It comes before a test looks at the
// connector for the first time, and a test may come here more than once.
func Lock(t testing.TB) {
	t.Helper()
	lock.mu.Lock()
	defer lock.mu.Unlock()
	if lock.users == 0 {
		// All have this directory, and nobody else locks it.
		dir, err := os.Open(os.TempDir()) //nolint:usetesting // a test's own is what not all have
		if err != nil {
			t.Fatalf("Locking the connector for a test: %v", err)
		}
		for {
			if err = unix.Flock(int(dir.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if err != nil {
			t.Fatalf("Locking the connector for a test: %v", os.NewSyscallError("flock", err))
		}
		lock.dir = dir
	}
	lock.users++
	t.Cleanup(func() {
		lock.mu.Lock()
		defer lock.mu.Unlock()
		if lock.users--; lock.users > 0 {
			return
		}
		if err := lock.dir.Close(); err != nil {
			t.Errorf("Unlocking the connector: %v", err)
		}
	})
}
