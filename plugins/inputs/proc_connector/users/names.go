// Package users names users by their ids.
package users

import (
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
)

const (
	expiry   = time.Minute // after which a name is looked up again
	maxUsers = 4096
)

// Names remembers the names of users, because looking one up reads a file or asks a
// server. It is safe for concurrent use.
type Names struct {
	// Lookup finds a user by the id, as user.LookupId does.
	Lookup func(uid string) (*user.User, error)

	mu    sync.Mutex // guards known; not held while a server is asked
	known map[uint32]userName
}

type userName struct {
	name  string
	boxed any
	at    time.Time
}

// Name returns the name of a user, or the id where there is none.
func (u *Names) Name(uid uint32, now time.Time) string { return u.get(uid, now).name }

// Boxed is Name as the value of a field, so that not each metric needs its own.
func (u *Names) Boxed(uid uint32, now time.Time) any { return u.get(uid, now).boxed }

func (u *Names) get(uid uint32, now time.Time) userName {
	u.mu.Lock()
	n, ok := u.known[uid]
	u.mu.Unlock()
	if ok && now.Sub(n.at) < expiry {
		return n
	}

	name := strconv.FormatUint(uint64(uid), 10)
	if found, err := u.Lookup(name); err == nil && found.Username != "" {
		name = cmdline.Clean(found.Username)
	}
	n = userName{name: name, boxed: name, at: now}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.known == nil || len(u.known) >= maxUsers {
		u.known = make(map[uint32]userName)
	}
	u.known[uid] = n
	return n
}
