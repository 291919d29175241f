// Package balance_test attacks the plugin's promise: the kernel's listener count
// after it is what it was before it, whatever happens, and what other programs do
// to that count is noticed and mended. The true count is read from kernel memory.
package balance_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

// kernel is the listener count of a machine on which nobody else listens, so that
// it is known what it ought to be.
type kernel struct {
	t      *testing.T
	reader *truecount.Reader
}

// alone comes first in a test. It waits until nobody listens, and sets the count to
// 0. When the test has ended, and everything that it started, the count must be 0
// again; and whether it is or not, it is then made what it was, so that a test
// that fails does not take others with it.
//
// Where other programs listen the test is skipped, unless the environment says
// CI=true: it would deafen them.
func alone(t *testing.T) *kernel {
	t.Helper()
	truecount.Lock(t)
	giveUp := t.Skipf
	if os.Getenv("CI") == "true" {
		giveUp = t.Fatalf
	}
	members := 0
	for deadline := time.Now().Add(pace.Limit(countLimit)); ; time.Sleep(check.Poll) {
		var err error
		members, err = rawlisten.Members()
		require.NoError(t, err)
		if members == 0 {
			break
		}
		if time.Now().After(deadline) {
			giveUp("Others listen to the process connector: %d sockets in /proc/net/netlink", members)
		}
	}
	reader, err := truecount.Open()
	if err != nil {
		giveUp("The listener count is out of reach: %v", err)
	}
	k := &kernel{t: t, reader: reader}
	found := k.count()
	k.set(0)
	t.Cleanup(func() {
		left := k.settle(0)
		k.set(found)
		require.NoError(t, reader.Close())
		require.Zero(t, left, "listeners when all had gone")
	})
	return k
}

func (k *kernel) count() int32 {
	k.t.Helper()
	n, err := k.reader.Read()
	require.NoError(k.t, err)
	return n
}

// settle waits a little until the count is what is wanted, and returns what it is.
func (k *kernel) settle(want int32) int32 {
	k.t.Helper()
	deadline := time.Now().Add(pace.Wait(countLimit))
	for {
		got := k.count()
		if got == want || time.Now().After(deadline) {
			return got
		}
		time.Sleep(check.Poll)
	}
}

// require fails the test unless the count is, or soon becomes, what is wanted.
func (k *kernel) require(want int32) {
	k.t.Helper()
	require.Equal(k.t, want, k.settle(want), "listeners in the kernel's count")
}

// set brings the count to n, with operations of sockets that listen to nothing. It
// is the poison of other programs, and the antidote.
func (k *kernel) set(n int32) {
	k.t.Helper()
	for k.count() > n {
		require.NoError(k.t, rawlisten.Lower())
	}
	for k.count() < n {
		require.NoError(k.t, rawlisten.Raise())
	}
}
