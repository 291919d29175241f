package redact

import (
	"bytes"
	"strings"
)

// address is at the "://" of an address. It masks the password in it, a user
// that is a token, and the part of a webhook's path that is its secret.
func (s *scanner) address(i int) int {
	b := s.b
	if i == 0 || !alnum(b[i-1]) {
		return i + 1
	}
	start := i + len("://")
	s.addressEnd = s.wordEnd(start)
	end := until(b, start, func(c byte) bool {
		return blank(c) || quote(c) || c == '/' || c == '?' || c == '#' || c == '<' || c == '>' || c == '|' || c == '\\'
	})
	at := bytes.LastIndexByte(b[start:end], '@')
	colon := bytes.IndexByte(b[start:end], ':')
	if at < 0 && colon > 0 && !s.port(start+colon+1, end) {
		// No port: a password that has the same bytes as the rest of an address.
		at = s.lastAt(start+colon) - start
		if at < 0 && s.cut && s.wordEnd(start) == len(b) {
			at = len(b) - start
		}
	}
	if at < 0 {
		return s.webhook(start, end)
	}
	at += start
	if colon < 0 || start+colon > at {
		if user := b[start:at]; len(user) >= 20 && random(user) {
			s.mask(start, at)
		}
		return at
	}
	colon += start
	if bytes.HasPrefix(b[at:], []byte("@sha256:")) {
		return at
	}
	if s.token(start) == colon {
		s.mask(start, colon)
	}
	password := b[colon+1 : at]
	if s.shell && reference(password) {
		return at
	}
	if user := b[start:colon]; placeholder(password) && len(user) >= 16 && random(user) {
		s.mask(start, colon)
	}
	s.mask(colon+1, at)
	return at
}

// port reports whether what follows a host is the number of a port. At the end
// of what was cut nobody knows.
func (s *scanner) port(start, end int) bool {
	if s.cut && end == len(s.b) {
		return false
	}
	return until(s.b[:end], start, func(c byte) bool { return !digit(c) }) == end
}

// placeholder reports whether a password is only there because there has to be
// one, and the user's name is the secret.
func placeholder(password []byte) bool {
	switch string(password) {
	case "", "x", "X", "x-oauth-basic", "api_token", "_":
		return true
	}
	return false
}

// maxPassword is how long a password in an address may be.
const maxPassword = 512

// lastAt returns where the last "@" of the word at start is, or -1.
func (s *scanner) lastAt(start int) int {
	end := min(s.wordEnd(start), start+maxPassword)
	if s.ats.find(s.b, start, nextAt) >= end {
		return -1
	}
	at := bytes.LastIndexByte(s.b[start:end], '@')
	if at < 0 {
		return -1
	}
	return start + at
}

func nextAt(b []byte, i int) int { return until(b, i, func(c byte) bool { return c == '@' }) }

// wordEnd returns where the word ends that i is in.
func (s *scanner) wordEnd(i int) int {
	return s.words.find(s.b, i, func(b []byte, i int) int { return until(b, i, func(c byte) bool { return blank(c) || quote(c) }) })
}

// webhook masks what makes the address of a webhook a secret.
func (s *scanner) webhook(host, end int) int {
	for _, hook := range hooks.order {
		name, path, _ := strings.Cut(hook, "/")
		if !bytes.HasSuffix(s.b[host:end], []byte(name)) || !bytes.HasPrefix(s.b[end:], []byte("/"+path)) {
			continue
		}
		start := end + 1 + len(path)
		stop := until(s.b, start, func(c byte) bool {
			return blank(c) || quote(c) || c == '?' || c == '#' || c == '\\' || c == '|' || c == ';'
		})
		s.mask(start, stop)
		return stop
	}
	return host
}

var hooks, notUsers = wordList("hooks"), wordList("no users")

// userinfo is at the ":" of user:password@host without a scheme, as in the data
// source names of Go's drivers and in the addresses of proxies.
func (s *scanner) userinfo(i int) int {
	b := s.b
	start := i
	domains := 0 // as in domain/user and domain\user
	for start > 0 && i-start < maxName && (nameByte(b[start-1]) || b[start-1] == '%' || b[start-1] == '+' || b[start-1] == '/' || b[start-1] == '\\') {
		if start--; b[start] == '/' || b[start] == '\\' {
			domains++
		}
	}
	if start == i || domains > 1 || !alpha(b[start]) || start > 0 && !blank(b[start-1]) && !quote(b[start-1]) && b[start-1] != '=' ||
		s.program.has(paths) || notUsers.has(b[start:i]) || upper(b[start]) && bytes.IndexByte(b[start:i], '-') > 0 {
		return i + 1
	}
	at := s.lastAt(i + 1)
	if at <= i+1 {
		return i + 1
	}
	rest := b[at+1:]
	driver := bytes.HasPrefix(rest, []byte("tcp(")) || bytes.HasPrefix(rest, []byte("unix("))
	if slash := bytes.IndexByte(b[i+1:at], '/'); slash >= 0 && !driver && domains == 0 {
		// The "@" belongs to what follows the host.
		at = i + 1 + bytes.LastIndexByte(b[i+1:i+1+slash], '@')
		if at <= i+1 {
			return i + 1
		}
		rest = b[at+1:]
	}
	switch {
	case len(rest) == 0 && !s.cut, bytes.HasPrefix(rest, []byte("sha256:")), bytes.HasPrefix(rest, []byte("sha512:")),
		len(rest) > 2 && digit(rest[0]) && rest[1] == 'x' && rest[2] == '.',
		len(rest) > 0 && !driver && !alnum(rest[0]) && rest[0] != '[' && rest[0] != '*':
		return i + 1
	}
	s.mask(i+1, at)
	return at
}
