// Package users names users by their ids.
package users

import (
	"bufio"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

const (
	// expiry is after how long all names are looked up again, since they change.
	expiry = time.Minute
	// maxPasswd is how much of a passwd file is read, in bytes: some 100,000 users.
	maxPasswd = 16 << 20
	// maxUserName is LOGIN_NAME_MAX.
	maxUserName = 256
)

// Names remembers the names of users, because looking one up reads a file or asks a server.
// It is safe for concurrent use.
type Names struct {
	// Lookup finds a user by the id, as user.LookupId does.
	Lookup func(uid string) (*user.User, error)

	mu    sync.Mutex // guards known and since; not held while a server is asked
	known memo.Memo[func() any]
	since time.Time
}

// New returns Names of this system's users. The variable HOST_ETC says where the host's
// /etc is, as it does to Telegraf's other plugins: in a container, /etc has other users.
// An error says that no name will be found as yet; the Names are of use all the same.
func New() (*Names, error) {
	etc := os.Getenv("HOST_ETC")
	if etc == "" {
		return &Names{Lookup: user.LookupId}, nil
	}
	passwd := filepath.Join(etc, "passwd")
	f, err := os.Open(passwd)
	if err == nil {
		err = f.Close()
	}
	return &Names{Lookup: func(uid string) (*user.User, error) { return lookupIn(passwd, uid) }}, err
}

// Name returns the name of a user, or the id where there is none.
func (u *Names) Name(uid uint32, now time.Time) string { return u.Boxed(uid, now).(string) }

// Boxed is Name as the value of a field, so that not each metric needs its own.
func (u *Names) Boxed(uid uint32, now time.Time) any {
	u.mu.Lock()
	if now.Sub(u.since) >= expiry {
		u.known, u.since = memo.Memo[func() any]{}, now
	}
	name := u.known.Get(strconv.AppendUint(make([]byte, 0, 10), uint64(uid), 10), func(id string) func() any {
		return sync.OnceValue(func() any {
			if found, err := u.Lookup(id); err == nil && found.Username != "" {
				return cmdline.Clean(found.Username)
			}
			return id
		})
	})
	u.mu.Unlock()
	return name()
}

// lookupIn finds a user in a file like /etc/passwd: see passwd(5). Of several with that id
// the first counts.
func lookupIn(passwd, uid string) (*user.User, error) {
	f, err := os.Open(passwd)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxPasswd))
	lines.Buffer(nil, maxPasswd)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4) // name, password, uid, the rest
		if len(fields) < 4 || fields[2] != uid {
			continue
		}
		name := fields[0]
		comment := name == "" || strings.ContainsAny(name[:1], "+-#") // or for NIS
		if !comment && len(name) <= maxUserName {
			return &user.User{Uid: uid, Username: name}, nil
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, user.UnknownUserIdError(0)
}
