package cmdline

import "bytes"

// titleTail is how many empty arguments at the end of a command line are taken to be what a
// title has left: a program is seldom given that many.
const titleTail = 3

// TrimTitle returns raw, arguments as in /proc/PID/cmdline, without the empty ones at its
// end. A process shows what it does by overwriting its arguments with a title, and of a
// shorter one only NULs follow.
func TrimTitle(raw []byte) []byte {
	text := bytes.TrimRight(raw, "\x00")
	if len(raw)-len(text)-1 < titleTail {
		return raw
	}
	return raw[:len(text)+1]
}
