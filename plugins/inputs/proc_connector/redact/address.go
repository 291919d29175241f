package redact

import "bytes"

const (
	longToken   = 20  // of a user who may be a secret, where there is no password
	maxPassword = 512 // of one in an address
)

var (
	authorityEnds = chars(blank + quote + `/?#<>|\`)
	hookEnds      = chars(blank + quote + `?#\|;`)
	userChars     = chars(alnum + `_-.%+/\`)
)

// address is at "://". It masks the password, a user who is a token, and the secret of a webhook.
func (s *scanner) address(i int) {
	b := s.b
	if i == 0 || !alnums[b[i-1]] {
		return
	}
	start := i + len("://")
	s.addressEnd = s.end(wordEnd, start)
	end := until(b, start, authorityEnds)
	at := start + bytes.LastIndexByte(b[start:end], '@')
	colon := start + bytes.IndexByte(b[start:end], ':')
	atEnd := s.cut && end == len(b) // nobody knows how it goes on
	if at < start && colon > start && (atEnd || !only(b[colon+1:end], digits)) {
		// No port: a password that has the same bytes as the rest of an address.
		at = s.lastAt(colon)
		if at < start && s.cut && s.addressEnd == len(b) {
			at = len(b)
		}
	}
	if at < start {
		s.webhook(start, end)
		return
	}
	s.next = at
	switch {
	case colon < start || colon > at:
		if user := b[start:at]; len(user) >= longToken && random(user) {
			s.mask(user)
		}
	case startsWith(b[at:], "@sha256:"):
	default:
		user := b[start:colon]
		if s.token(start) == colon {
			s.mask(user)
		}
		s.maskLogin(user, b[colon+1:at], s.shell)
	}
}

// lastAt returns where the last "@" of the word at start is, or -1.
func (s *scanner) lastAt(start int) int {
	end := min(s.end(wordEnd, start), start+maxPassword)
	if s.end(atSign, start) >= end {
		return -1
	}
	return start + bytes.LastIndexByte(s.b[start:end], '@')
}

// webhook masks what makes the address of a webhook a secret.
func (s *scanner) webhook(start, end int) {
	for _, hook := range hooks.patterns {
		slash := bytes.IndexByte(hook.text, '/')
		name, path := hook.text[:slash], hook.text[slash:]
		if bytes.HasSuffix(s.b[start:end], name) && bytes.HasPrefix(s.b[end:], path) {
			secret := end + len(path)
			s.hide(secret, until(s.b, secret, hookEnds))
			return
		}
	}
}

var (
	userStarts = chars(blank + quote + "=")
	hostStarts = chars(alnum + "[*")
)

// userinfo is at the ":" of user:password@host without a scheme, as Go's drivers and proxies have it.
func (s *scanner) userinfo(i int) {
	b := s.b
	start := back(b, i, userChars, maxName)
	user := b[start:i]
	domains := bytes.Count(user, []byte("/")) + bytes.Count(user, []byte(`\`)) // domain/user and domain\user
	if len(user) == 0 || domains > 1 || !letters[user[0]] || start > 0 && !userStarts[b[start-1]] ||
		s.program.is("paths") || notUsers.has(user) || capitals[user[0]] && bytes.IndexByte(user, '-') > 0 {
		return
	}
	at := s.lastAt(i + 1)
	if at <= i+1 {
		return
	}
	driver := startsWith(b[at:], "@tcp(") || startsWith(b[at:], "@unix(")
	if slash := find(b[:at], i+1, "/"); slash < at && !driver && domains == 0 {
		// The "@" belongs to what follows the host.
		if at = i + 1 + bytes.LastIndexByte(b[i+1:slash], '@'); at <= i+1 {
			return
		}
	}
	if host := b[at+1:]; len(host) == 0 && !s.cut || digests.has(host) || len(host) > 0 && !hostStarts[host[0]] ||
		len(host) > 2 && digits[host[0]] && host[1] == 'x' && host[2] == '.' {
		return
	}
	s.hide(i+1, at)
}
