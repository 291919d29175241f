package cmdline

import (
	"bytes"
	"unicode/utf8"
)

// ellipsis ends what was cut.
const ellipsis = "…"

// Append renders raw, arguments that each end in a NUL as in
// /proc/PID/cmdline, as one line that bash reads back as the same arguments,
// and appends it to dst. Blanks stand between arguments, and an argument that
// is not plain stands in quotes: 'like this', or $'like\nthis' when it holds
// something that cannot be seen. Bytes that are not UTF-8 become U+FFFD, one
// each.
//
// At most limit bytes are appended. A longer line is cut between two
// characters, never within an escape, and ends in "…", which counts; its last
// quote may stay open. The work is bounded by limit, whatever the size of raw.
//
// The line is never shorter than raw without its last NUL. A buffer of limit+2
// bytes is thus enough to read a command line into: one that is longer still
// shows as cut.
func Append(dst, raw []byte, limit int) []byte {
	if len(raw) == 0 || limit <= 0 {
		return dst
	}
	l := line{dst: dst, start: len(dst), limit: limit}
	return l.end(l.args(raw))
}

// AppendBeginning is Append for the beginning of a line of which more is not in
// raw: it ends in "…" even where raw fits.
func AppendBeginning(dst, raw []byte, limit int) []byte {
	if limit <= 0 {
		return dst
	}
	l := line{dst: dst, start: len(dst), limit: limit}
	if len(raw) > 0 {
		l.args(raw)
	}
	l.fits(0) // notes where the last unit ends
	return l.end(false)
}

// AppendProgram is Append for the first argument alone, which by custom names
// the program.
func AppendProgram(dst, raw []byte, limit int) []byte {
	if len(raw) == 0 || limit <= 0 {
		return dst
	}
	l := line{dst: dst, start: len(dst), limit: limit}
	arg, _, _ := nextArg(clip(raw, limit))
	return l.end(l.arg(arg, true))
}

// clip takes off the NUL that ends the last argument, and whatever cannot be
// seen within limit: no byte of raw renders as less than one byte. Enough is
// left to find that the line is too long, and to find it in a whole character.
func clip(raw []byte, limit int) []byte {
	const beyond = 1 + utf8.UTFMax
	if len(raw)-beyond > limit {
		return raw[:limit+beyond]
	}
	return bytes.TrimSuffix(raw, []byte{0})
}

func nextArg(raw []byte) (arg, rest []byte, more bool) {
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return raw[:i], raw[i+1:], true
	}
	return raw, nil, false
}

// A line grows by units that must not be torn apart: a character, an escape, a
// quote.
type line struct {
	dst   []byte
	start int // where the line begins in dst
	limit int
	cut   int // length up to the last unit after which ellipsis has room
}

// fits reports whether a unit of n bytes still fits.
func (l *line) fits(n int) bool {
	used := len(l.dst) - l.start
	if used <= l.limit-len(ellipsis) {
		l.cut = used
	}
	return used <= l.limit-n
}

func (l *line) put(unit ...byte) bool {
	if !l.fits(len(unit)) {
		return false
	}
	l.dst = append(l.dst, unit...)
	return true
}

// literal appends ASCII characters, each a unit of its own, as far as they fit.
func (l *line) literal(s []byte) bool {
	used := len(l.dst) - l.start
	n := min(len(s), l.limit-used)
	l.dst = append(l.dst, s[:n]...)
	if last := l.limit - len(ellipsis); used <= last {
		l.cut = min(used+n, last)
	}
	return n == len(s)
}

func (l *line) rune(r rune) bool {
	if !l.fits(utf8.RuneLen(r)) {
		return false
	}
	l.dst = utf8.AppendRune(l.dst, r)
	return true
}

// args appends arguments, and reports whether they all fit.
func (l *line) args(raw []byte) bool {
	arg, rest, more := nextArg(clip(raw, l.limit))
	fits := l.arg(arg, true)
	for fits && more {
		arg, rest, more = nextArg(rest)
		fits = l.put(' ') && l.arg(arg, false)
	}
	return fits
}

func (l *line) arg(arg []byte, first bool) bool {
	s := styleOf(arg, first)
	switch s {
	case quoted:
		if !l.put('\'') {
			return false
		}
	case escaped:
		if !l.put('$', '\'') {
			return false
		}
	}
	for len(arg) > 0 {
		if n := literals(arg, s); n > 0 {
			if !l.literal(arg[:n]) {
				return false
			}
			arg = arg[n:]
			continue
		}
		r, size := utf8.DecodeRune(arg) // U+FFFD for a byte that is not UTF-8
		if !l.char(r, s) {
			return false
		}
		arg = arg[size:]
	}
	return s == plain || l.put('\'')
}

func (l *line) char(r rune, s style) bool {
	switch s {
	case quoted:
		if r == '\'' {
			return l.put('\'', '\\', '\'', '\'')
		}
	case escaped:
		if r == '\'' || r == '\\' {
			return l.put('\\', byte(r))
		}
		if !visible(r) {
			var unit [maxEscape]byte
			return l.put(appendEscape(unit[:0], r)...)
		}
	}
	return l.rune(r)
}

func (l *line) end(complete bool) []byte {
	if complete {
		return l.dst
	}
	l.dst = l.dst[:l.start+l.cut]
	if l.limit < len(ellipsis) {
		return l.dst
	}
	return append(l.dst, ellipsis...)
}
