package users

import (
	"bufio"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

const (
	// maxPasswd is how much of a passwd file is read, in bytes: some 100,000 users.
	maxPasswd = 16 << 20
	// maxUserName is LOGIN_NAME_MAX.
	maxUserName = 256
)

// New returns Names of this system's users. The variable HOST_ETC says where the host's
// /etc is, as it does to Telegraf's other plugins: in a container, /etc has other users.
// An error says that no name will be found as yet; the Names are of use all the same.
func New() (*Names, error) {
	etc := os.Getenv("HOST_ETC")
	if etc == "" {
		return &Names{Lookup: user.LookupId}, nil
	}
	file := filepath.Join(etc, "passwd")
	f, err := os.Open(file)
	if err == nil {
		err = f.Close()
	}
	return &Names{Lookup: func(uid string) (*user.User, error) { return lookupIn(file, uid) }}, err
}

// lookupIn finds a user in a file like /etc/passwd: see passwd(5). Of several with that id
// the first counts.
func lookupIn(file, uid string) (*user.User, error) {
	f, err := os.Open(file)
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
		// A comment, or for NIS.
		if name := fields[0]; name != "" && len(name) <= maxUserName && !strings.ContainsAny(name[:1], "+-#") {
			return &user.User{Uid: uid, Username: name}, nil
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, user.UnknownUserIdError(0)
}
