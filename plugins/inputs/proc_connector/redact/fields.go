package redact

import "bytes"

// colon is at a ":" of an address, of a header, of JSON or YAML, or between user and password.
func (s *scanner) colon(i int) {
	switch rest := s.arg[i+1:]; {
	case startsWith(rest, "//"):
		s.address(i)
	case startsWith(rest, "="), startsWith(rest, ":"), startsWith(rest, "-}"): // name := value, Name::name, ${NAME:-}
	default:
		k := s.keyBefore(i)
		known := k.quoted && s.quotedField(k, i) || !k.quoted && !k.spaced && s.field(k, i) || s.telegram(i)
		if !known {
			s.userinfo(i)
		}
	}
}

var fieldsOpen, valueEnds = chars(quote + "\n=,{ ;\t"), chars(blank + quote + ",}]")

// quotedField is "name": "value".
func (s *scanner) quotedField(k key, i int) bool {
	b, text := s.arg, s.arg[k.start:k.end]
	v := skip(b, i+1, blanks)
	strong := s.named(text, v, strengthOf(text))
	if string(text) == "auth" { // docker's, user:password in base64
		const least = 8
		value := b[skip(b, v, escapes):]
		value = value[:skip(value, 0, base64Chars)]
		if len(value) >= least && len(value)%4 == 0 && mixed(value) {
			strong = certain
		}
	}
	if strong <= vague || oneOf(char(b, v), "\x00{[") {
		return false
	}
	start, end := s.value(v, false)
	if start == v {
		end = until(b, v, valueEnds)
	}
	return s.hideValue(strong, s.skipScheme(start, end), end)
}

// field is name: value at the beginning of the argument or of a line, or after a quote.
func (s *scanner) field(k key, i int) bool {
	b, opening := s.arg, char(s.arg, k.start-1)
	switch {
	case k.start == 0 && startsWith(b[:k.end], "-H"):
		k.start += len("-H")
	case k.start > 1 && b[k.start] == 'n' && opening == '\\':
		k.start++ // "…\nName: value"
	case k.start > 0 && !fieldsOpen[opening]:
		return false
	}
	text := b[k.start:k.end]
	v := skip(b, i+1, blanks)
	if cookie := cookieHeaders.hasFold(text); cookie || headers.hasFold(text) || headerName(text) {
		return s.header(cookie, opening, v)
	}
	strong := strengthOf(text)
	if strong <= vague || quotes[opening] && char(b, v) == opening { // the end of a prompt: expect "Password:"
		return false
	}
	start, end := s.value(v, false)
	// Prose goes on after the word: "token: handle expiry".
	rest := skip(b, end, blanks)
	alone := oneOf(char(b, rest), quote+"\x00,\\") || char(b, rest-1) == '\n'
	line := back(b, k.start, spaces, maxName-1)
	indented := line == 0 || b[line-1] == '\n'
	if only(b[start:end], wordChars) && (!alone || opening == ' ' && !indented) {
		return false
	}
	return s.hideValue(strong, start, end)
}

// headerName reports whether the last word of a name with dashes says that it is a secret's.
func headerName(text []byte) bool {
	dash := bytes.LastIndexByte(text, '-')
	last := text[dash+1:]
	return dash > 0 && strengthOf(text) > harmless && (keyHeaders.hasFold(last) || strengthOf(last) > vague)
}

// header masks the value of a header at start, but for the scheme of an authorization.
func (s *scanner) header(cookie bool, opening byte, start int) bool {
	b, end := s.arg, 0
	switch {
	case quotes[opening]:
		end = find(b, start, string(opening))
		if end < len(b) && b[end-1] == '\\' {
			end--
		}
	case s.code:
		end = s.end(s.bare, s.skipScheme(start, len(b)))
	case oneOf(opening, " \t;,"):
		// A word, and of an authorization the one after the scheme.
		end = s.end(wordEnd, s.skipScheme(start, len(b)))
		for end < len(b) && b[end-1] == '\\' {
			end = s.end(wordEnd, end+1)
		}
	default:
		end = s.end(lineEnd, start)
	}
	if !cookie {
		start = s.skipScheme(start, end)
	}
	return s.hideValue(certain, start, end)
}

// skipScheme returns where in a value the secret begins, after the scheme of an authorization.
func (s *scanner) skipScheme(start, end int) int {
	const longest = 24
	value := s.arg[start:end]
	scheme := until(value[:min(len(value), longest)], 0, gaps)
	secret := skip(value, scheme, gaps)
	if secret < len(value) && schemes.hasFold(value[:scheme]) {
		return start + secret
	}
	return start
}

// telegram is the ":" of a bot's token, 123456789:AA….
func (s *scanner) telegram(i int) bool {
	const minID, maxID, minKey = 8, 11, 30
	id := i - back(s.arg, i, digits, maxID+1)
	end := skip(s.arg, i+1, tokenChars)
	known := id >= minID && id <= maxID && startsWith(s.arg[i+1:], "AA") && (end-i > minKey || s.cut && end == len(s.arg))
	return known && s.hide(i+1, end)
}

var tagChars, tagsInCode = chars(alnum + "_-.:"), chars("<;&|\n")

// element is at a "<" or ">" of XML. It masks what is in an element with the name of a secret,
// <ns:Password type="x">secret</…>, or after one that names it, as in a property list.
func (s *scanner) element(i int) {
	const longest, cdata = 256, "<![CDATA[" // of a tag, so that the way back to where it begins is short
	b := s.arg
	if b[i] == '<' {
		s.tag = letters[char(b, i+1)] && !alnums[char(b, i-1)] // and not Option<Token>
		return
	}
	if !s.tag || b[i-1] == '/' {
		s.pending = s.pending && !s.tag
		return
	}
	s.tag = false
	from := max(0, i-longest)
	open := from + bytes.LastIndexByte(b[from:i], '<') + 1
	if open == from {
		return
	}
	name := b[open:skip(b[:i], open, tagChars)]
	name = name[bytes.IndexByte(name, ':')+1:]
	start, stop := i+1, 0
	switch {
	case startsWith(b[start:], cdata):
		start += len(cdata)
		stop = find(b, start, "]]>")
	case s.code:
		stop = until(b, start, tagsInCode)
	default:
		stop = find(b, start, "<")
	}
	text := bytes.TrimSpace(b[start:stop])
	switch strong := strengthOf(name); {
	case len(text) == 0:
	case bytes.EqualFold(name, []byte("key")), bytes.EqualFold(name, []byte("name")):
		s.pending = strengthOf(text) > vague
	case strong > vague || s.pending && holders.has(name):
		s.pending = false
		s.hideValue(max(strong, likely), start, stop)
	}
}

var (
	authorityEnds = chars(blank + quote + `/?#<>|\`)
	hookEnds      = chars(blank + quote + `?#\|;`)
	userChars     = chars(alnum + `_-.%+/\`)
	userStarts    = chars(blank + quote + "=")
)

// address is at "://". It masks the password, a user who is a token, and the secret of a webhook.
func (s *scanner) address(i int) {
	b := s.arg
	if i == 0 || !alnums[b[i-1]] {
		return
	}
	start := i + len("://")
	s.addressEnd = s.end(wordEnd, start)
	end := until(b, start, authorityEnds)
	at := start + bytes.LastIndexByte(b[start:end], '@')
	colon := start + bytes.IndexByte(b[start:end], ':')
	if at < start && colon > start && (end == len(b) || !only(b[colon+1:end], digits)) {
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
		const least = 20 // of a user who is the secret
		if user := b[start:at]; len(user) >= least && random(user) {
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
	const longest = 512 // of a password
	end := min(s.end(wordEnd, start), start+longest)
	if s.end(atSign, start) >= end {
		return -1
	}
	return start + bytes.LastIndexByte(s.arg[start:end], '@')
}

// webhook masks what makes the address of a webhook a secret.
func (s *scanner) webhook(start, end int) {
	for _, hook := range hooks.patterns {
		slash := bytes.IndexByte(hook.text, '/')
		name, path := hook.text[:slash], hook.text[slash:]
		if bytes.HasSuffix(s.arg[start:end], name) && bytes.HasPrefix(s.arg[end:], path) {
			secret := end + len(path)
			s.hide(secret, until(s.arg, secret, hookEnds))
			return
		}
	}
}

// userinfo is at the ":" of user:password@host without a scheme, as Go's drivers and proxies have it.
func (s *scanner) userinfo(i int) {
	b := s.arg
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
	if host := b[at+1:]; len(host) == 0 && !s.cut || digests.has(host) || len(host) > 0 && !oneOf(host[0], alnum+"[*") ||
		len(host) > 2 && digits[host[0]] && host[1] == 'x' && host[2] == '.' {
		return
	}
	s.hide(i+1, at)
}
