package cmdline

import (
	"bytes"
	"unicode/utf8"
)

// quotes are how an argument is written.
type quotes int

const (
	none    quotes = iota // as it is
	single                // 'as it is, but for '\''
	escaped               // $'with \n and \x1b'
)

var opening = [...]string{single: "'", escaped: "$'"}

// quotesFor chooses the simplest quotes in which bash reads back arg, and in which nothing
// of arg is invisible.
func quotesFor(arg []byte, first bool) quotes {
	q := none
	for i := 0; i < len(arg); {
		if safe(arg[i]) {
			i++
			continue
		}
		r, size := utf8.DecodeRune(arg[i:])
		if invisible(r) {
			return escaped
		}
		if r < utf8.RuneSelf {
			q = single
		}
		i += size
	}
	if len(arg) == 0 || first && !command(arg) {
		return single
	}
	return q
}

// appendWithin writes a character of an argument that stands in quotes.
func appendWithin(dst []byte, r rune, q quotes) []byte {
	switch {
	case r == '\'' && q == single:
		return append(dst, `'\''`...)
	case (r == '\'' || r == '\\') && q == escaped:
		return append(dst, '\\', byte(r))
	}
	return appendVisible(dst, r)
}

// literals counts the ASCII characters at the start of arg that are written as they are:
// most arguments are nothing else.
func literals(arg []byte, q quotes) int {
	for i, c := range arg {
		if c < ' ' || c >= 0x7f || c == '\'' || c == '\\' && q == escaped {
			return i
		}
	}
	return len(arg)
}

// safe reports whether an ASCII character means nothing to a shell, wherever in a word it
// stands.
func safe(c byte) bool {
	if isLetter(c) || isDigit(c) {
		return true
	}
	switch c {
	case '_', '@', '%', '+', '=', ':', ',', '.', '/', '-':
		return true
	}
	return false
}

// command reports whether a word of safe characters is a command's name when it comes
// first, and neither an assignment nor part of the shell's grammar. (A word that begins
// with % is a job to bash even in quotes: no help there.)
func command(word []byte) bool {
	switch string(word) {
	case "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function",
		"if", "in", "select", "then", "time", "until", "while":
		return false
	}
	return bytes.IndexByte(word, '=') < 0
}
