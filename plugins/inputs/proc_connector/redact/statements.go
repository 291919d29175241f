package redact

import "bytes"

var (
	beforeString = chars(blank + `(\`)
	wordEnds     = chars(blank + quote + `\`)
	sendOptions  = chars(blank + "-")
	sendOpens    = chars(`"\{`)
	bearerChars  = chars(alnum + "_-.+/=~")
)

// keyword is at a word after which SQL, .netrc, an authorization or expect has a secret.
func (s *scanner) keyword(i int) int {
	b := s.b[i:]
	switch lower(b[0]) {
	case 'p':
		if s.login && startsFold(b, "password ") && len(b) > 9 && !quotes[b[9]] {
			s.login = false
			end := until(b, 9, wordEnds)
			s.mask(b[9:end])
			return i + end
		}
		if startsFold(b, "password") {
			return s.text(i, i+len("password"))
		}
	case 'l':
		s.login = s.login || startsFold(b, "login ")
	case 'i':
		s.identified = s.identified || startsFold(b, "identified")
	case 'b':
		if end := max(s.credentials(i, "bearer ", 16), s.credentials(i, "basic ", 8)); end > i {
			return end
		}
		if s.identified && startsFold(b, "by") {
			return s.text(i, i+len("by"))
		}
	case 's':
		if s.program.is("expect") && startsFold(b, "send") {
			return s.sent(i + len("send"))
		}
		if s.program.is("expect") && startsFold(b, "set ") {
			return s.set(i + len("set "))
		}
	}
	return i
}

// text masks SQL's string after the keyword between i and v, or returns i.
func (s *scanner) text(i, v int) int {
	b := s.b
	v = skip(b, v, beforeString)
	start, end := v+1, 0
	switch {
	case alnums[b[v-1]]:
		return i
	case char(b, v) == '\'', char(b, v) == '"' && b[v-1] == '(':
		end = closing(b, v)
	case startsWith(b[v:], "$$"):
		start++
		end = find(b, start, "$$")
	default:
		return i
	}
	s.mask(b[start:end])
	return end
}

// set masks the value of a variable of expect whose name is that of a secret.
func (s *scanner) set(i int) int {
	end := skip(s.b, i, nameChars)
	if char(s.b, end) == ' ' && strengthOf(s.b[i:end]) > vague {
		start, stop := s.value(end+1, false)
		s.mask(s.b[start:stop])
		return stop
	}
	return end
}

// sent masks what expect sends, which is in quotes, but for the enter at its end.
func (s *scanner) sent(i int) int {
	b := s.b
	i = skip(b, i, sendOptions)
	if !sendOpens[char(b, i)] {
		return i
	}
	if b[i] == '\\' && i+1 < len(b) {
		i++
	}
	if b[i] == '{' {
		end := find(b, i, "}")
		s.mask(b[i+1 : end])
		return end
	}
	end := closing(b, i)
	text := b[i+1 : end]
	if bytes.HasSuffix(text, []byte(`\r`)) || bytes.HasSuffix(text, []byte(`\n`)) {
		text = text[:len(text)-2]
	}
	s.mask(text)
	return end
}

// credentials masks what is left of an authorization, such as "Bearer abc".
func (s *scanner) credentials(i int, scheme string, least int) int {
	if !startsFold(s.b[i:], scheme) {
		return i
	}
	start := i + len(scheme)
	end := skip(s.b, start, bearerChars)
	if secret := s.b[start:end]; len(secret) >= least && mixed(secret) {
		s.mask(secret)
		return end
	}
	return i
}

// call is at a word between start and end. It masks the second of two strings in
// parentheses after it, auth=('joe', 'secret') or db.auth("joe", "secret"), or the third,
// connect('db', 'joe', 'secret').
func (s *scanner) call(start, end int) int {
	b := s.b
	i := end
	if quotes[char(b, i)] {
		i++
	}
	i = skipFew(b, i, blanks, maxBlanks)
	if char(b, i) == '=' || char(b, i) == ':' {
		i = skipFew(b, i+1, blanks, maxBlanks)
	}
	if char(b, i) != '(' {
		return end
	}
	before := 1
	if word := b[start:end]; !calls.hasFold(word) {
		return end
	} else if connects.hasFold(word) {
		before = 2
	}
	for ; ; before-- {
		q := skipFew(b, i+1, blanks, maxBlanks)
		q = openingQuote(b, q)
		if !quotes[char(b, q)] {
			return end
		}
		stop := closing(b, q)
		if before == 0 {
			s.mask(b[q+1 : stop])
			return stop
		}
		i = skipFew(b, min(len(b), stop+1), blanks, maxBlanks)
		if char(b, i) != ',' {
			return end
		}
	}
}
