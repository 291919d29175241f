package redact

import "bytes"

const (
	longName    = 16  // of a user who may be a secret, where there is no password
	longToken   = 20  // the same, where there is no place for one
	maxPassword = 512 // of one in an address
)

var (
	authorityEnds = chars(blank + quote + `/?#<>|\`)
	hookEnds      = chars(blank + quote + `?#\|;`)
	userChars     = chars(alnum + `_-.%+/\`)
)

// address is at "://". It masks the password, a user who is a token, and the secret of a webhook.
func (s *scanner) address(i int) int {
	b := s.b
	if i == 0 || !alnums[b[i-1]] {
		return i
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
	switch {
	case at < start:
		return s.webhook(start, end)
	case colon < start || colon > at:
		if user := b[start:at]; len(user) >= longToken && random(user) {
			s.mask(user)
		}
		return at
	case startsWith(b[at:], "@sha256:"):
		return at
	}
	user, password := b[start:colon], b[colon+1:at]
	if s.token(start) == colon {
		s.mask(user)
	}
	if !s.shell || !reference(password) {
		s.maskUser(user, password)
		s.mask(password)
	}
	return at
}

// maskUser masks a user's name that is the secret, as the password tells.
func (r *Redactor) maskUser(user, password []byte) {
	if (len(password) == 0 || placeholders.has(password)) && len(user) >= longName && random(user) {
		r.mask(user)
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
func (s *scanner) webhook(start, end int) int {
	for _, hook := range hooks.patterns {
		slash := bytes.IndexByte(hook.text, '/')
		name, path := hook.text[:slash], hook.text[slash:]
		if bytes.HasSuffix(s.b[start:end], name) && bytes.HasPrefix(s.b[end:], path) {
			secret := end + len(path)
			stop := until(s.b, secret, hookEnds)
			s.mask(s.b[secret:stop])
			return stop
		}
	}
	return start
}

// userinfo is at the ":" of user:password@host without a scheme, as Go's drivers and proxies have it.
func (s *scanner) userinfo(i int) int {
	b := s.b
	start := back(b, i, userChars, maxName)
	user := b[start:i]
	domains := bytes.Count(user, []byte("/")) + bytes.Count(user, []byte(`\`)) // domain/user and domain\user
	if len(user) == 0 || domains > 1 || !letters[user[0]] || start > 0 && !userStarts[b[start-1]] ||
		s.program.is("paths") || notUsers.has(user) || capitals[user[0]] && bytes.IndexByte(user, '-') > 0 {
		return i
	}
	at := s.lastAt(i + 1)
	if at <= i+1 {
		return i
	}
	driver := startsWith(b[at:], "@tcp(") || startsWith(b[at:], "@unix(")
	if slash := find(b[:at], i+1, "/"); slash < at && !driver && domains == 0 {
		// The "@" belongs to what follows the host.
		if at = i + 1 + bytes.LastIndexByte(b[i+1:slash], '@'); at <= i+1 {
			return i
		}
	}
	if host := b[at+1:]; len(host) == 0 && !s.cut || digests.has(host) || len(host) > 0 && !hostStarts[host[0]] ||
		len(host) > 2 && digits[host[0]] && host[1] == 'x' && host[2] == '.' {
		return i
	}
	s.mask(b[i+1 : at])
	return at
}

var (
	userStarts = chars(blank + quote + "=")
	hostStarts = chars(alnum + "[*")
)
