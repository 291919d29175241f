package cmdline

import (
	"bytes"
	"unicode/utf8"
)

// style is how an argument is written.
type style int

const (
	plain   style = iota // as it is
	quoted               // 'as it is, but for '\'''
	escaped              // $'with \n and \x1b'
)

// styleOf chooses the simplest style that bash reads back as arg, and in which
// nothing of arg is invisible.
func styleOf(arg []byte, first bool) style {
	if len(arg) == 0 {
		return quoted
	}
	s := plain
	for i := 0; i < len(arg); {
		if safe(arg[i]) {
			i++
			continue
		}
		r, size := utf8.DecodeRune(arg[i:])
		if !visible(r) {
			return escaped
		}
		if r < utf8.RuneSelf {
			s = quoted
		}
		i += size
	}
	if s == plain && first && !command(arg) {
		return quoted
	}
	return s
}

// literals counts the ASCII characters at the start of arg that are written as
// they are: most arguments are nothing else.
func literals(arg []byte, s style) int {
	for i, c := range arg {
		if c < ' ' || c >= 0x7f || c == '\'' || c == '\\' && s == escaped {
			return i
		}
	}
	return len(arg)
}

// safe reports whether an ASCII character means nothing to a shell, wherever
// in a word it stands.
func safe(c byte) bool {
	switch c {
	case '_', '@', '%', '+', '=', ':', ',', '.', '/', '-':
		return true
	}
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// command reports whether a word of safe characters is a command's name when it
// comes first, and neither an assignment nor part of the shell's grammar. (A
// word that begins with % is a job to bash even in quotes: no help there.)
func command(word []byte) bool {
	switch string(word) {
	case "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function",
		"if", "in", "select", "then", "time", "until", "while":
		return false
	}
	return bytes.IndexByte(word, '=') < 0
}
