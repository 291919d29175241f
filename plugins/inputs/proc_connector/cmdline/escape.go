package cmdline

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEscape is the length of the longest escape, \UXXXXXXXX.
const maxEscape = 10

// brailleBlank counts as a symbol and shows nothing.
const brailleBlank = '\u2800'

// invisible reports whether a character leaves no trace of its own on a screen. The only
// blank that does is U+0020: others would be taken for it.
func invisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	// Fillers and variation selectors count as letters and marks, and so as printable.
	return !unicode.IsPrint(r) || r == brailleBlank ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// appendVisible writes a character, an invisible one as bash reads it within $'…'.
func appendVisible(dst []byte, r rune) []byte {
	if !invisible(r) {
		return utf8.AppendRune(dst, r)
	}
	switch r {
	case '\n': // by far the most frequent
		return append(dst, `\n`...)
	case '\a', '\b', '\v', '\f': // known by number rather than by their letters
		return append(dst, '\\', 'x', '0', "0123456789abcdef"[r])
	}
	quoted := strconv.AppendQuoteRuneToASCII(dst, r)
	return append(dst, quoted[len(dst)+1:len(quoted)-1]...)
}

// Clean makes a name that another program chose (a comm, an exe, a cwd) safe for a tag or a
// field: what cannot be seen is escaped as in Append, and bytes that are not UTF-8 become
// U+FFFD, one each. Nothing else changes, a backslash neither, so that unit names keep
// their \x2d. A string that is clean already is returned as it is, without a copy.
func Clean(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, invisible) {
		return name
	}
	clean := make([]byte, 0, len(name)+maxEscape)
	for _, r := range name {
		clean = appendVisible(clean, r)
	}
	return string(clean)
}
