package doctor

import "golang.org/x/sys/unix"

// kernelRelease is that of uname(2).
func kernelRelease() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
