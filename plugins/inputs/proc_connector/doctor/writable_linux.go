package doctor

import "golang.org/x/sys/unix"

// writable reports why this process may not make files in a folder.
func writable(dir string) error {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}
