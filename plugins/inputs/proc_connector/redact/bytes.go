package redact

import "bytes"

func digit(c byte) bool { return '0' <= c && c <= '9' }
func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
func alpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func alnum(c byte) bool { return alpha(c) || digit(c) }
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func quote(c byte) bool { return c == '\'' || c == '"' || c == '`' }

func lower(c byte) byte {
	if upper(c) {
		return c | 0x20
	}
	return c
}

// nameByte reports whether c is part of a name before "=" or ":".
func nameByte(c byte) bool {
	return alnum(c) || c == '_' || c == '-' || c == '.'
}

// hasFold reports whether text begins with prefix, which is in small letters.
func hasFold(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(text[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func equalFold(text []byte, word string) bool {
	return len(text) == len(word) && hasFold(text, word)
}

// until returns where, from start on, the first byte is that ends is true for.
func until(text []byte, start int, ends func(byte) bool) int {
	for start < len(text) && !ends(text[start]) {
		start++
	}
	return start
}

func skipBlanks(text []byte, start int) int {
	for start < len(text) && blank(text[start]) {
		start++
	}
	return start
}

// trivial reports whether a value says nothing, or only yes or no.
func trivial(value []byte) bool {
	switch len(value) {
	case 0:
		return true
	case 1:
		return digit(value[0]) || value[0] == '-'
	}
	if bytes.HasPrefix(value, []byte("id=")) || pattern(value) {
		return true // docker's name of a secret
	}
	for _, begin := range elsewhere.order {
		if bytes.HasPrefix(value, []byte(begin)) {
			return true
		}
	}
	for _, word := range [...]string{"true", "false", "yes", "no", "none", "null", "nil", "on", "off"} {
		if equalFold(value, word) {
			return true
		}
	}
	return false
}

var elsewhere = wordList("elsewhere")

// pattern reports whether a value is an expression to search with.
func pattern(value []byte) bool {
	for _, start := range [...]string{".*", "[^", "[a-", "[A-", "[0-", `\S`, `\w`, `\d`, "(.*"} {
		if bytes.HasPrefix(value, []byte(start)) {
			return true
		}
	}
	return false
}

// pathLike reports whether a value says where something lies.
func pathLike(value []byte) bool {
	for _, start := range [...]string{"/", "./", "../", "~/", "@/", "@./", "file:", "env:"} {
		if bytes.HasPrefix(value, []byte(start)) {
			return true
		}
	}
	return false
}

// random reports whether a value looks as if nobody had thought it up.
func random(value []byte) bool {
	const enough = 12
	letters, digits := 0, 0
	for _, c := range value {
		switch {
		case digit(c):
			digits++
		case alpha(c):
			letters++
		case c == '+' || c == '/' || c == '_' || c == '=' || c == '-' || c == '.' || c == '%' || c == '~':
		default:
			return false
		}
	}
	return len(value) >= enough && letters > 0 && digits > 0
}

// secretValue reports whether the value of something with a name of this
// strength is to be masked.
func secretValue(s strength, value []byte) bool {
	if s == harmless || trivial(value) {
		return false
	}
	switch s {
	case vague:
		return random(value) && !pathLike(value)
	case likely:
		return !pathLike(value)
	}
	return true
}

// reference reports whether a value of a shell's command line is only taken
// from elsewhere: $NAME, ${NAME}, $(command).
func reference(value []byte) bool {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if len(value) > 0 && value[0] == '`' {
		return true
	}
	if len(value) < 2 || value[0] != '$' {
		return false
	}
	switch {
	case value[1] == '(':
		return true
	case value[1] == '{':
		// A default value may be a secret: ${NAME:-value}.
		end := until(value, 2, func(c byte) bool { return !alnum(c) && c != '_' })
		return end < len(value) && (string(value[end:]) == "}" || string(value[end:]) == ":-}")
	case alpha(value[1]) || value[1] == '_':
		return until(value, 1, func(c byte) bool { return !alnum(c) && c != '_' }) == len(value)
	case digit(value[1]):
		return len(value) == 2
	}
	return false
}

// wordy reports whether a value reads like a word of some language.
func wordy(value []byte) bool {
	for _, c := range value {
		if !alpha(c) && c != '-' && c != '.' && c != ',' && c != '!' && c != '?' {
			return false
		}
	}
	return true
}
