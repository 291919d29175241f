package redact

import "bytes"

// colon is at a ":", which stands in addresses, in headers, in JSON and YAML,
// and between user and password.
func (s *scanner) colon(i int) int {
	b := s.b
	if bytes.HasPrefix(b[i:], []byte("://")) {
		return s.address(i)
	}
	if i+1 < len(b) && (b[i+1] == '=' || b[i+1] == ':' || bytes.HasPrefix(b[i:], []byte(":-}"))) {
		return i + 1 // name := value, Name::name, ${NAME:-}
	}
	k := s.keyBefore(i)
	if k.start < k.end {
		if next := s.field(k, i); next > i {
			return next
		}
	}
	if end := s.telegram(i); end > i {
		return end
	}
	return s.userinfo(i)
}

// field is "name": "value", Name: value or name: value, or returns i.
func (s *scanner) field(k key, i int) int {
	b := s.b
	text := b[k.start:k.end]
	v := skipBlanks(b, i+1)
	if k.quoted {
		strong := s.named(text, v, strengthOf(text))
		if string(text) == "auth" && s.encoded(v) {
			strong = certain // docker's user:password
		}
		if strong <= vague || v == len(b) || b[v] == '{' || b[v] == '[' || strong != certain && pathLike(b[v:]) {
			return i
		}
		start, end := s.value(v, false)
		if start == v {
			end = until(b, v, func(c byte) bool { return blank(c) || c == ',' || c == '}' || c == ']' || quote(c) })
		}
		return s.secret(i, s.skipScheme(start, end), end, strong)
	}
	if k.spaced {
		return i
	}
	opening, begins := s.begins(&k)
	text = b[k.start:k.end]
	if !begins {
		return i
	}
	if kind := headerOf(text); kind != notHeader {
		return s.header(kind, opening, i)
	}
	if v < len(b) && quote(opening) && b[v] == opening {
		return i // the end of a prompt: expect "Password:"
	}
	strong := strengthOf(text)
	if strong <= vague || strong != certain && pathLike(b[v:]) {
		return i
	}
	start, end := s.value(v, false)
	// Prose goes on after the word: "token: handle expiry".
	rest := skipBlanks(b, end)
	alone := rest == len(b) || rest > end && b[rest-1] == '\n' || b[rest] == '\n' || quote(b[rest]) || b[rest] == ',' || b[rest] == '\\'
	if wordy(b[start:end]) && (!alone || opening == ' ' && !s.indented(k.start)) {
		return i
	}
	return s.secret(i, start, end, strong)
}

// begins reports whether a name stands where one of a header or of YAML does: at
// the beginning of the argument or of a line, or after a quote, which is
// returned.
func (s *scanner) begins(k *key) (opening byte, ok bool) {
	b := s.b
	if bytes.HasPrefix(b[k.start:k.end], []byte("-H")) && k.start == 0 {
		k.start += len("-H")
		return 0, true
	}
	if k.start > 1 && b[k.start] == 'n' && b[k.start-1] == '\\' {
		k.start++ // "…\nName: value"
		return 0, true
	}
	if k.start == 0 {
		return 0, true
	}
	switch c := b[k.start-1]; {
	case quote(c):
		return c, true
	case c == '\n', c == '=', c == ',', c == '{', c == ' ', c == ';', c == '\t':
		return c, true
	}
	return 0, false
}

// indented reports whether nothing but blanks stands before i in its line.
func (s *scanner) indented(i int) bool {
	for n := 0; n < maxName; n++ {
		if i == 0 || s.b[i-1] == '\n' {
			return true
		}
		if i--; s.b[i] != ' ' {
			return false
		}
	}
	return false
}

type headerKind int

const (
	notHeader headerKind = iota
	authorization
	cookie
	otherHeader
)

// headerOf tells the headers that hold a secret, going by their name.
func headerOf(text []byte) headerKind {
	switch {
	case equalFold(text, "authorization"), equalFold(text, "proxy-authorization"):
		return authorization
	case equalFold(text, "cookie"), equalFold(text, "set-cookie"):
		return cookie
	case headerName(text), equalFold(text, "x-jfrog-art-api"):
		return otherHeader
	}
	return notHeader
}

// headerName reports whether the last word of a name with dashes says that it is a
// secret's.
func headerName(text []byte) bool {
	dash := bytes.LastIndexByte(text, '-')
	if dash <= 0 || strengthOf(text) == harmless {
		return false
	}
	last := text[dash+1:]
	return equalFold(last, "key") || equalFold(last, "auth") || strengthOf(last) > vague
}

// header masks the value of a header, but for the scheme of an authorization.
func (s *scanner) header(kind headerKind, opening byte, i int) int {
	b := s.b
	start := skipBlanks(b, i+1)
	var end int
	switch {
	case quote(opening):
		end = until(b, start, func(c byte) bool { return c == opening })
		if end < len(b) && end > start && b[end-1] == '\\' {
			end--
		}
	case s.code:
		end = s.bares.find(b, s.skipScheme(start, len(b)), statementEnd)
	case opening == ' ' || opening == '\t' || opening == ';' || opening == ',':
		// Within a line: a word, and of an authorization the one after the scheme.
		end = s.wordEnd(s.skipScheme(start, len(b)))
		for end < len(b) && end > start && b[end-1] == '\\' {
			end = s.wordEnd(end + 1)
		}
	default:
		end = s.lines.find(b, start, func(b []byte, i int) int { return until(b, i, func(c byte) bool { return c == '\n' || c == '\r' }) })
	}
	if kind == authorization || kind == otherHeader {
		start = s.skipScheme(start, end)
	}
	return s.secret(i, start, end, certain)
}

var schemes = wordList("schemes")

// skipScheme returns where in a value the secret begins.
func (s *scanner) skipScheme(start, end int) int {
	for _, scheme := range schemes.order {
		after := start + len(scheme)
		if after >= end || s.b[after] != ' ' && s.b[after] != '\\' || !hasFold(s.b[start:end], scheme) {
			continue
		}
		after = until(s.b[:end], after, func(c byte) bool { return c != ' ' && c != '\\' })
		if after < end {
			return after
		}
	}
	return start
}

// telegram is the ":" of a bot's token, 123456789:AA….
func (s *scanner) telegram(i int) int {
	const minID, maxID, minKey = 8, 11, 30
	start := i
	for start > 0 && i-start <= maxID && digit(s.b[start-1]) {
		start--
	}
	end := until(s.b, i+1, func(c byte) bool { return !tokenByte(c) })
	if i-start < minID || i-start > maxID || !bytes.HasPrefix(s.b[i+1:], []byte("AA")) ||
		end-i <= minKey && !(s.cut && end == len(s.b)) {
		return i
	}
	s.mask(i+1, end)
	return end
}
