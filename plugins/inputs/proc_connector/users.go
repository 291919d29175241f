//go:build linux

package proc_connector

import (
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
)

const (
	userExpiry = time.Minute // after which a name is looked up again
	maxUsers   = 4096
)

// userNames remembers the names of users, because looking one up reads a file
// or asks a server.
type userNames struct {
	lookup func(uid string) (*user.User, error)

	mu    sync.Mutex // guards known; not held while a server is asked
	known map[uint32]userName
}

type userName struct {
	name  string
	boxed any // the same as the value of a field, so that not each metric needs its own
	at    time.Time
}

// name returns the name of a user, or the id where there is none.
func (u *userNames) name(uid uint32, now time.Time) string { return u.get(uid, now).name }

func (u *userNames) get(uid uint32, now time.Time) userName {
	u.mu.Lock()
	n, ok := u.known[uid]
	u.mu.Unlock()
	if ok && now.Sub(n.at) < userExpiry {
		return n
	}

	name := strconv.FormatUint(uint64(uid), 10)
	if found, err := u.lookup(name); err == nil && found.Username != "" {
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
