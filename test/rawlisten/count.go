package rawlisten

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Raise adds 1 to the listener count and leaves it there: a LISTEN of a socket
// that is then closed. It is the repair of a count that is too low, and what a
// crashed listener leaves behind.
func Raise() error { return sendAll(Listen) }

// Lower takes 1 off the listener count: an IGNORE of a socket whose previous
// operation was neither LISTEN nor IGNORE. It is the repair of a count that is
// too high, and what deafens the machine when the count was right.
func Lower() error { return sendAll(0, Ignore) }

// LowerBy is n times Lower, from one socket and as fast as it goes.
func LowerBy(n int) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	for range n {
		if err := errors.Join(c.Send(0), c.Send(Ignore)); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}

// sendAll sends the operations from a fresh socket, since from Linux 6.6 on the
// kernel compares an operation with the previous one of the same socket.
func sendAll(ops ...uint32) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	for _, op := range ops {
		if err := c.Send(op); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}

// CountsPerSocket reports whether the kernel, as from Linux 6.6 on, counts an
// operation only when it differs from the previous one of the same socket. On
// an older kernel each IGNORE too many takes the count further down.
func CountsPerSocket() (bool, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false, fmt.Errorf("uname: %w", err)
	}
	return atLeast(unix.ByteSliceToString(u.Release[:]), 6, 6)
}

func atLeast(release string, major, minor int) (bool, error) {
	var ma, mi int
	if _, err := fmt.Sscanf(release, "%d.%d", &ma, &mi); err != nil {
		return false, fmt.Errorf("kernel release %q: %w", release, err)
	}
	return ma > major || ma == major && mi >= minor, nil
}
