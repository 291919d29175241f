// Package users names users by their ids.
package users

import (
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

// expiry is after how long all names are looked up again, since they change.
const expiry = time.Minute

// Names remembers the names of users, because looking one up reads a file or asks a
// server. It is safe for concurrent use.
type Names struct {
	// Lookup finds a user by the id, as user.LookupId does.
	Lookup func(uid string) (*user.User, error)

	mu    sync.Mutex // guards known and since; not held while a server is asked
	known *memo.Memo[any]
	since time.Time
}

// Name returns the name of a user, or the id where there is none.
func (u *Names) Name(uid uint32, now time.Time) string { return u.Boxed(uid, now).(string) }

// Boxed is Name as the value of a field, so that not each metric needs its own.
func (u *Names) Boxed(uid uint32, now time.Time) any {
	u.mu.Lock()
	if u.known == nil || now.Sub(u.since) >= expiry {
		u.known, u.since = new(memo.Memo[any]), now
	}
	known := u.known
	u.mu.Unlock()
	return known.Get(strconv.AppendUint(make([]byte, 0, 10), uint64(uid), 10), func(id string) any {
		if found, err := u.Lookup(id); err == nil && found.Username != "" {
			return cmdline.Clean(found.Username)
		}
		return id
	})
}
