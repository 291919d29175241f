package redact

import "bytes"

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
	at := bytes.LastIndexByte(s.b[start:min(s.wordEnd(start), start+maxPassword)], '@')
	if at < 0 {
		return -1
	}
	return start + at
}

// wordEnd returns where the word ends that i is in.
func (s *scanner) wordEnd(i int) int {
	if i >= s.end {
		s.end = until(s.b, i, func(c byte) bool { return blank(c) || quote(c) })
	}
	return s.end
}

// webhook masks what makes the address of a webhook a secret.
func (s *scanner) webhook(host, end int) int {
	for _, hook := range hooks {
		if !bytes.HasSuffix(s.b[host:end], []byte(hook.host)) || !bytes.HasPrefix(s.b[end:], []byte(hook.path)) {
			continue
		}
		start := end + len(hook.path)
		stop := until(s.b, start, func(c byte) bool {
			return blank(c) || quote(c) || c == '?' || c == '#' || c == '\\' || c == '|' || c == ';'
		})
		s.mask(start, stop)
		return stop
	}
	return host
}

var hooks = []struct{ host, path string }{
	{"hooks.slack.com", "/services/"},
	{"hooks.slack.com", "/workflows/"},
	{"hooks.slack.com", "/triggers/"},
	{"discord.com", "/api/webhooks/"},
	{"discordapp.com", "/api/webhooks/"},
	{"webhook.office.com", "/webhookb2/"},
	{"hooks.zapier.com", "/hooks/catch/"},
}

// notUsers stand before a ":" in things that have a "@" and are no address.
var notUsers = setOf("npm", "mailto", "sip", "sips", "xmpp", "acct", "workspace", "patch", "link", "portal", "git", "maven", "pkg", "file",
	"http", "https", "ssh", "gem", "pypi", "cargo", "golang", "docker", "jsr", "urn", "arn")

// userinfo is at the ":" of user:password@host without a scheme, as in the data
// source names of Go's drivers and in the addresses of proxies.
func (s *scanner) userinfo(i int) int {
	b := s.b
	start := i
	for start > 0 && i-start < maxName && (nameByte(b[start-1]) || b[start-1] == '%' || b[start-1] == '+') {
		start--
	}
	if start == i || !alpha(b[start]) || start > 0 && !blank(b[start-1]) && !quote(b[start-1]) && b[start-1] != '=' ||
		s.program.hasPaths() || in(notUsers, b[start:i]) || upper(b[start]) && bytes.IndexByte(b[start:i], '-') > 0 {
		return i + 1
	}
	at := s.lastAt(i + 1)
	if at <= i+1 {
		return i + 1
	}
	rest := b[at+1:]
	driver := bytes.HasPrefix(rest, []byte("tcp(")) || bytes.HasPrefix(rest, []byte("unix("))
	if slash := bytes.IndexByte(b[i+1:at], '/'); slash >= 0 && !driver {
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
