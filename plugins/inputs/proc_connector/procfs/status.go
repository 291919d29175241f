package procfs

import (
	"bytes"
	"errors"
	"math"
)

var errStatus = errors.New("malformed status: no Uid line")

// RealUID returns the real user id of a process: who started it, even where
// the program runs with another user's rights.
func (fs *FS) RealUID(pid int32) (uint32, error) {
	n, err := fs.read(pid, "status", fs.buf[:])
	if err != nil {
		return 0, err
	}
	uid, err := parseRealUID(fs.buf[:n])
	if err != nil {
		return 0, fail(pid, "status", err)
	}
	return uid, nil
}

// parseRealUID takes the first number of the line "Uid:\treal\teffective\t…". A
// process cannot forge that line by its name, which stands before it: in status
// the kernel writes a line break in a name as \n.
func parseRealUID(b []byte) (uint32, error) {
	_, line, found := bytes.Cut(b, []byte("\nUid:\t"))
	if !found {
		return 0, errStatus
	}
	first, _, found := bytes.Cut(line, []byte("\t"))
	if !found {
		return 0, errStatus
	}
	uid, ok := number(first, math.MaxUint32)
	if !ok {
		return 0, errStatus
	}
	return uint32(uid), nil
}
