package redact

import "bytes"

var (
	beforeString = chars(blank + `(\`)
	wordEnds     = chars(blank + quote + `\`)
	sendOptions  = chars(blank + "-")
	bearerChars  = chars(alnum + "_-.+/=~")
)

// keyword is at a word after which SQL, .netrc, an authorization or expect has a secret.
func (s *scanner) keyword(i int) bool {
	b := s.arg[i:]
	switch b[0] | ' ' { // in small letters
	case 'p':
		const password = "password "
		if at := i + len(password); s.login && startsFold(b, password) && !quotes[char(s.arg, at)] {
			s.login = false
			return s.hide(at, until(s.arg, at, wordEnds))
		}
		return startsFold(b, "password") && s.text(i+len("password"))
	case 'l':
		s.login = s.login || startsFold(b, "login ")
	case 'i':
		s.identified = s.identified || startsFold(b, "identified")
	case 'b':
		return s.credentials(i, "bearer ", 16) || s.credentials(i, "basic ", 8) ||
			s.identified && startsFold(b, "by") && s.text(i+len("by"))
	case 's':
		if s.program.is("expect") {
			return startsFold(b, "send") && s.sent(i+len("send")) || startsFold(b, "set ") && s.set(i+len("set "))
		}
	}
	return false
}

// text masks SQL's string after the keyword before v.
func (s *scanner) text(v int) bool {
	b := s.arg
	v = skip(b, v, beforeString)
	switch {
	case alnums[b[v-1]]:
	case char(b, v) == '\'', char(b, v) == '"' && b[v-1] == '(':
		return s.hide(v+1, closing(b, v))
	case startsWith(b[v:], "$$"):
		return s.hide(v+2, find(b, v+2, "$$"))
	}
	return false
}

// set masks the value of a variable of expect whose name is that of a secret.
func (s *scanner) set(i int) bool {
	end := skip(s.arg, i, nameChars)
	if char(s.arg, end) == ' ' && strengthOf(s.arg[i:end]) > vague {
		return s.hide(s.value(end+1, false))
	}
	return s.hide(end, end)
}

// sent masks what expect sends, which is in quotes, but for the enter at its end.
func (s *scanner) sent(i int) bool {
	b := s.arg
	i = skip(b, i, sendOptions)
	if !oneOf(char(b, i), `"\{`) {
		return s.hide(i, i)
	}
	if b[i] == '\\' && i+1 < len(b) {
		i++
	}
	if b[i] == '{' {
		return s.hide(i+1, find(b, i, "}"))
	}
	end := closing(b, i)
	text := b[i+1 : end]
	if bytes.HasSuffix(text, []byte(`\r`)) || bytes.HasSuffix(text, []byte(`\n`)) {
		text = text[:len(text)-2]
	}
	s.mask(text)
	return s.hide(end, end)
}

// credentials masks what is left of an authorization, such as "Bearer abc".
func (s *scanner) credentials(i int, scheme string, least int) bool {
	if !startsFold(s.arg[i:], scheme) {
		return false
	}
	start := i + len(scheme)
	end := skip(s.arg, start, bearerChars)
	return end-start >= least && mixed(s.arg[start:end]) && s.hide(start, end)
}

// call is at a word between start and end. It masks the second of two strings in parentheses after it, auth=('joe',
// 'secret') or db.auth("joe", "secret"), or the third, connect('db', 'joe', 'secret').
func (s *scanner) call(start, end int) {
	b, word, i := s.arg, s.arg[start:end], end
	s.next = end
	if quotes[char(b, i)] {
		i++
	}
	i = skipFew(b, i, blanks, maxBlanks)
	if char(b, i) == '=' || char(b, i) == ':' {
		i = skipFew(b, i+1, blanks, maxBlanks)
	}
	if char(b, i) != '(' || !calls.hasFold(word) {
		return
	}
	before := 1
	if connects.hasFold(word) {
		before = 2
	}
	for ; ; before-- {
		q := skipFew(b, skipFew(b, i+1, blanks, maxBlanks), letters, 2) // Python's b"", rb""
		if !quotes[char(b, q)] {
			return
		}
		stop := closing(b, q)
		if before == 0 {
			s.hide(q+1, stop)
			return
		}
		if i = skipFew(b, stop+1, blanks, maxBlanks); char(b, i) != ',' {
			return
		}
	}
}
