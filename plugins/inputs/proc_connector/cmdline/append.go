package cmdline

import (
	"bytes"
	"unicode/utf8"
)

// ellipsis ends what was cut.
const ellipsis = "…"

// Append renders raw, arguments that each end in a NUL as in /proc/PID/cmdline, as one line
// that bash reads back as the same arguments, and appends it to dst. Blanks stand between
// arguments, and an argument that is not plain stands in quotes: 'like this', or
// $'like\nthis' when it holds something that cannot be seen. Bytes that are not UTF-8 become
// U+FFFD, one each.
//
// At most limit bytes are appended. A longer line is cut between two characters, never
// within an escape, and ends in "…", which counts; its last quote may stay open. The work
// is bounded by limit, whatever the size of raw.
//
// The line is never shorter than raw without its last NUL. A buffer of limit+2 bytes is
// thus enough to read a command line into: one that is longer still shows as cut.
func Append(dst, raw []byte, limit int) []byte {
	l := newLine(dst, limit)
	return l.end(l.args(raw))
}

// AppendBeginning is Append for the beginning of a line of which more is not in raw: it
// ends in "…" even where raw fits.
func AppendBeginning(dst, raw []byte, limit int) []byte {
	l := newLine(dst, limit)
	l.args(raw)
	return l.end(false)
}

// AppendProgram is Append for the first argument alone, which by custom names the program.
func AppendProgram(dst, raw []byte, limit int) []byte {
	program, _, _ := bytes.Cut(raw, []byte{0})
	return Append(dst, raw[:min(len(program)+1, len(raw))], limit)
}

// A line grows by units that must not be torn apart: a character, an escape, a quote.
type line struct {
	dst   []byte
	start int // where the line begins in dst
	limit int
	cut   int // length up to the last unit after which ellipsis has room
}

func newLine(dst []byte, limit int) *line {
	return &line{dst: dst, start: len(dst), limit: max(limit, 0)}
}

// args appends arguments, and reports whether they all fit.
func (l *line) args(raw []byte) bool {
	for rest, more := clip(raw, l.limit), len(raw) > 0; more; {
		var arg []byte
		arg, rest, more = bytes.Cut(rest, []byte{0})
		if !l.arg(arg) || more && !l.put(' ') {
			return false
		}
	}
	return true
}

// clip takes off the NUL that ends the last argument, and whatever cannot be seen within
// limit: no byte of raw renders as less than one byte. Enough is left to find that the line
// is too long, and to find it in a whole character.
func clip(raw []byte, limit int) []byte {
	const beyond = 1 + utf8.UTFMax
	if len(raw)-beyond > limit {
		return raw[:limit+beyond]
	}
	return bytes.TrimSuffix(raw, []byte{0})
}

func (l *line) arg(arg []byte) bool {
	q := quotesFor(arg, len(l.dst) == l.start)
	fits := q == none || l.put([]byte(opening[q])...)
	for size := 0; fits && len(arg) > 0; arg = arg[size:] {
		if size = literals(arg, q); size > 0 {
			fits = l.literal(arg[:size])
			continue
		}
		var r rune
		r, size = utf8.DecodeRune(arg) // U+FFFD for a byte that is not UTF-8
		l.dst = appendWithin(l.dst, r, q)
		fits = l.fits()
	}
	return fits && (q == none || l.put('\''))
}

func (l *line) put(unit ...byte) bool {
	l.dst = append(l.dst, unit...)
	return l.fits()
}

// fits takes note of a unit that was appended, and reports whether it still fits.
func (l *line) fits() bool {
	used := len(l.dst) - l.start
	if used <= l.limit-len(ellipsis) {
		l.cut = used
	}
	return used <= l.limit
}

// literal appends ASCII characters, each a unit of its own.
func (l *line) literal(s []byte) bool {
	if last := l.limit - len(ellipsis); len(l.dst)-l.start <= last {
		l.cut = min(len(l.dst)-l.start+len(s), last)
	}
	l.dst = append(l.dst, s...)
	return len(l.dst)-l.start <= l.limit
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
