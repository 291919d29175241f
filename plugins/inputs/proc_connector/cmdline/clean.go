package cmdline

import (
	"bytes"
	"unicode/utf8"
)

// Clean makes a name that another program chose (a comm, an exe, a cwd) safe
// for a tag or a field: what cannot be seen is escaped as in Append, and bytes
// that are not UTF-8 become U+FFFD, one each. Nothing else changes, a backslash
// neither, so that unit names keep their \x2d. A string that is clean already is
// returned as it is, without a copy.
func Clean(s string) string {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !visible(r) || r == utf8.RuneError && size == 1 {
			return cleanFrom(s, i)
		}
		i += size
	}
	return s
}

func cleanFrom(s string, dirty int) string {
	b := make([]byte, dirty, len(s)+maxEscape)
	copy(b, s)
	for _, r := range s[dirty:] {
		if visible(r) {
			b = utf8.AppendRune(b, r)
		} else {
			b = appendEscape(b, r)
		}
	}
	return string(b)
}

// titleTail is how many empty arguments at the end of a command line are taken to
// be what a title has left: a program is seldom given that many.
const titleTail = 3

// TrimTitle returns raw, arguments as in /proc/PID/cmdline of a process that has
// run for a while, without the empty arguments at its end. A process shows what it
// does by overwriting its arguments with a title, and of a shorter one only NULs
// follow. One or two empty arguments are taken to be what the program was given.
func TrimTitle(raw []byte) []byte {
	text := bytes.TrimRight(raw, "\x00")
	if len(raw)-len(text)-1 < titleTail {
		return raw
	}
	return raw[:len(text)+1]
}
