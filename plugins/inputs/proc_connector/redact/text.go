package redact

import (
	"bytes"
	"strings"
)

// A charset is a set of characters.
type charset [256]bool

func chars(list string) *charset {
	set := new(charset)
	for _, c := range []byte(list) {
		set[c] = true
	}
	return set
}

const (
	digit   = "0123456789"
	capital = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	small   = "abcdefghijklmnopqrstuvwxyz"
	alnum   = digit + capital + small
	blank   = " \t\n\r"
	quote   = "'\"`"
)

var (
	digits, letters, alnums      = chars(digit), chars(capital + small), chars(alnum)
	capitals, smalls             = chars(capital), chars(small)
	blanks, quotes, escapes      = chars(blank), chars(quote), chars(`\` + quote)
	spaces, backslashes, hyphens = chars(" "), chars(`\`), chars("-")

	nameChars   = chars(alnum + "_-.") // of names before "=" and ":"
	identifiers = chars(alnum + "_")   // of a shell's variables
	tokenChars  = chars(alnum + "_-")
	base64Chars = chars(alnum + "+/=")
	awsChars    = chars(alnum + "+/")
	randomChars = chars(alnum + "+/_=-.%~")
	wordChars   = chars(capital + small + "-.,!?")
	punctuation = chars(blank + quote + `\;&|,}]`)
	gaps        = chars(` \`) // between words that a shell has escaped
)

// How far a look around goes.
const (
	maxKey    = 128 // back to where a name begins
	maxName   = 64  // into a name: its end tells most
	maxBlanks = 16  // to the next name
	maxDepth  = 3   // into quotes within quotes
)

// char returns a character, or 0, which is in no argument, before and after them.
func char(b []byte, i int) byte {
	if i < 0 || i >= len(b) {
		return 0
	}
	return b[i]
}

func oneOf(c byte, set string) bool { return strings.IndexByte(set, c) >= 0 }

// until returns where, from i on, the first character of a set is.
func until(b []byte, i int, set *charset) int {
	for i < len(b) && !set[b[i]] {
		i++
	}
	return i
}

// skip returns where, from i on, the first character is that is not in a set.
func skip(b []byte, i int, set *charset) int {
	for i < len(b) && set[b[i]] {
		i++
	}
	return i
}

// skipFew is skip, but not far: what calls it often stays linear.
func skipFew(b []byte, i int, set *charset, most int) int {
	return skip(b[:min(len(b), i+most)], i, set)
}

// back returns where, up to most before i, what is in a set begins that ends at i.
func back(b []byte, i int, set *charset, most int) int {
	for least := max(0, i-most); i > least && set[b[i-1]]; {
		i--
	}
	return i
}

// find returns where, from i on, a text is, or the end.
func find(b []byte, i int, text string) int {
	if n := bytes.Index(b[i:], []byte(text)); n >= 0 {
		return i + n
	}
	return len(b)
}

func has(text []byte, set *charset) bool  { return until(text, 0, set) < len(text) }
func only(text []byte, set *charset) bool { return skip(text, 0, set) == len(text) }

func startsWith(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// startsFold is startsWith in capital or small letters.
func startsFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}

// trivial reports whether a value says nothing, or only yes or no.
func trivial(value []byte) bool {
	if len(value) <= 1 {
		return len(value) == 0 || digits[value[0]] || value[0] == '-'
	}
	return elsewhere.has(value) || yesOrNo.hasFold(value)
}

// random reports whether a value looks as if nobody had thought it up.
func random(value []byte) bool {
	const enough = 12
	return len(value) >= enough && only(value, randomChars) && has(value, letters) && has(value, digits)
}

// mixed reports whether text is of more than one kind of letters and digits.
func mixed(text []byte) bool {
	isSmall, isCapital := has(text, smalls), has(text, capitals)
	return isSmall && isCapital || (isSmall || isCapital) && has(text, digits)
}

// reference reports whether a shell takes a value from elsewhere: $NAME, ${NAME}, $(command).
func reference(value []byte) bool {
	if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	switch {
	case startsWith(value, "`"), startsWith(value, "$("):
		return true
	case startsWith(value, "${"):
		rest := value[skip(value, 2, identifiers):] // a default value may be a secret
		return string(rest) == "}" || string(rest) == ":-}"
	}
	return len(value) > 1 && value[0] == '$' && only(value[1:], identifiers) && (len(value) == 2 || !digits[value[1]])
}

// closing returns where the string ends whose quote is at q. One that begins with \" ends with \".
func closing(b []byte, q int) int {
	escaped := char(b, q-1) == '\\'
	for i := q + 1; i < len(b); i++ {
		switch {
		case b[i] == b[q], b[i] == '\\' && escaped:
			return i
		case b[i] == '\\':
			i++
		}
	}
	return len(b)
}

// bareEnd returns where a value without quotes ends. Punctuation is part of it unless
// another name follows, or in code another command.
func bareEnd(b []byte, i int, code bool) int {
	for ; i < len(b); i++ {
		next := char(b, i+1)
		switch c := b[i]; {
		case !punctuation[c]:
		case c == '\\' && (code || !quotes[next]):
			i++
		case c == '\\', c == ';', blanks[c], quotes[c], code && (c == '&' || c == '|'),
			c == '&' && (next == 0 || next == '&' || blanks[next] || nameFollows(b[i+1:])),
			c == ',' && (quotes[next] || nameFollows(b[i+1:])),
			(c == '}' || c == ']') && (next == ',' || next == '}'):
			return i
		}
	}
	return len(b)
}

// Between a value and the next name, as in password=x&user=y and password=x user=y, and in an option.
var pairSeparators, itemSeparators = chars(blank + ",;&"), chars(",;")

// listEnd returns where a value ends that another may follow.
func listEnd(b []byte, i int, between *charset) int {
	for i = until(b, i, between); i < len(b) && !nameFollows(b[i+1:]); {
		i = until(b, i+1, between)
	}
	return i
}

// nameFollows reports whether text begins with name= or name: .
func nameFollows(text []byte) bool {
	start := skipFew(text, 0, blanks, maxBlanks)
	end := skipFew(text, start, nameChars, maxName)
	return end > start && (char(text, end) == '=' || startsWith(text[end:], ": "))
}
