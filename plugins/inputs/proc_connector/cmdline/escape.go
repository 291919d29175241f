package cmdline

import (
	"unicode"
	"unicode/utf8"
)

// maxEscape is the length of the longest escape, \UXXXXXXXX.
const maxEscape = 10

// brailleBlank counts as a symbol and shows nothing.
const brailleBlank = '\u2800'

// visible reports whether a character leaves a trace of its own on a screen.
// The only blank among them is U+0020: others would be taken for it.
func visible(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r < 0x7f
	}
	// Fillers and variation selectors count as letters and marks, and so as
	// printable.
	return unicode.IsPrint(r) && r != brailleBlank &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// appendEscape writes an invisible character as bash reads it within $'…'.
func appendEscape(dst []byte, r rune) []byte {
	switch {
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r < utf8.RuneSelf:
		return appendHex(append(dst, `\x`...), r, 2)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), r, 4)
	}
	return appendHex(append(dst, `\U`...), r, 8)
}

func appendHex(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[r>>shift&0xf])
	}
	return dst
}
