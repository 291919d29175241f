package redact

import "bytes"

// A shape is how the tokens of some service look: rules/tokens.txt explains it.
type shape struct {
	prefix string
	least  int
	kind   int
	mixed  bool
}

// kinds of characters in tokens.
var kinds = [...]struct {
	name string
	end  func(b []byte, i int) int
}{
	{"hex", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !hexByte(c) }) }},
	{"upper", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !upperByte(c) }) }},
	{"alnum", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !alnum(c) }) }},
	{"token", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !tokenByte(c) }) }},
	{"dotted", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !dottedByte(c) }) }},
	{"base64", func(b []byte, i int) int { return until(b, i, func(c byte) bool { return !base64Byte(c) }) }},
}

// maxMixed is how much of a token is looked at to tell whether it is mixed.
const maxMixed = 48

func tokenByte(c byte) bool  { return alnum(c) || c == '_' || c == '-' }
func dottedByte(c byte) bool { return tokenByte(c) || c == '.' }
func base64Byte(c byte) bool { return dottedByte(c) || c == '+' || c == '/' || c == '=' }
func upperByte(c byte) bool  { return upper(c) || digit(c) }
func hexByte(c byte) bool    { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// token returns where the token ends that begins at i, or i.
func (s *scanner) token(i int) int {
	b := s.b[i:]
	of := shapesBy[b[0]]
	for n := range of {
		shape := &of[n]
		if len(b) <= len(shape.prefix) || b[1] != shape.prefix[1] || string(b[:len(shape.prefix)]) != shape.prefix {
			continue
		}
		start := i + len(shape.prefix)
		end := s.runs[shape.kind].find(s.b, start, kinds[shape.kind].end)
		if end-start < shape.least && !(s.cut && end == len(s.b) && len(shape.prefix) > 3) ||
			shape.mixed && !mixed(s.b[start:min(end, start+maxMixed)]) {
			continue
		}
		if shape.least == 16 && shape.prefix[0] == 'A' {
			s.awsKey = true
		}
		return end
	}
	return i
}

// mixed reports whether text is of more than one kind of letters and digits.
func mixed(text []byte) bool {
	var small, capital, number int
	for _, c := range text {
		switch {
		case digit(c):
			number = 1
		case upper(c):
			capital = 1
		case alpha(c):
			small = 1
		}
		if small+capital+number > 1 {
			return true
		}
	}
	return false
}

// awsSecretKey reports whether text may be the secret that goes with an access
// key: 40 characters of base64.
func awsSecretKey(text []byte) bool {
	if len(text) != 40 {
		return false
	}
	capital := false
	for _, c := range text {
		if !alnum(c) && c != '+' && c != '/' {
			return false
		}
		capital = capital || upper(c)
	}
	return capital && mixed(text)
}

// keyword is at a word after which SQL or expect has a secret in quotes.
func (s *scanner) keyword(i int) int {
	b := s.b[i:]
	v := 0
	switch lower(b[0]) {
	case 'p':
		if hasFold(b, "password") {
			if s.login && len(b) > 9 && b[8] == ' ' && !quote(b[9]) {
				end := until(b, 9, func(c byte) bool { return blank(c) || quote(c) || c == '\\' })
				s.login = false
				s.mask(i+9, i+end)
				return i + end
			}
			v = len("password")
		}
	case 'l':
		s.login = s.login || hasFold(b, "login ")
	case 'i':
		if hasFold(b, "identified") {
			s.by++
		}
	case 'b':
		if end := max(s.credentials(i, "bearer ", 16), s.credentials(i, "basic ", 8)); end > i {
			return end
		}
		if s.by > 0 && hasFold(b, "by") {
			v = len("by")
		}
	case 's':
		if s.program.has(expect) && hasFold(b, "send") {
			return i + max(1, s.sent(i+len("send"))-i)
		}
		if s.program.has(expect) && hasFold(b, "set ") {
			return s.set(i + len("set "))
		}
	}
	if v == 0 || v >= len(b) {
		return i
	}
	v = until(b, v, func(c byte) bool { return !blank(c) && c != '(' && c != '\\' })
	if v >= len(b) || alnum(b[v-1]) {
		return i
	}
	start, end := v+1, len(b)
	switch {
	case b[v] == '\'', b[v] == '"' && b[v-1] == '(':
		end = closing(b, v)
	case bytes.HasPrefix(b[v:], []byte("$$")):
		start++
		if n := bytes.Index(b[start:], []byte("$$")); n >= 0 {
			end = start + n
		}
	default:
		return i
	}
	s.mask(i+start, i+end)
	return i + end
}

// set masks the value of a variable of expect whose name is that of a secret.
func (s *scanner) set(i int) int {
	end := until(s.b, i, func(c byte) bool { return !nameByte(c) })
	if end < len(s.b) && s.b[end] == ' ' && strengthOf(s.b[i:end]) > vague {
		start, stop := s.value(end+1, false)
		s.mask(start, stop)
		return stop
	}
	return end
}

// sent masks what expect sends, which is in quotes, or returns i.
func (s *scanner) sent(i int) int {
	i = until(s.b, i, func(c byte) bool { return !blank(c) && c != '-' })
	if i >= len(s.b) || s.b[i] != '"' && s.b[i] != '\\' && s.b[i] != '{' {
		return i
	}
	if s.b[i] == '\\' && i+1 < len(s.b) {
		i++
	}
	if s.b[i] == '{' {
		end := until(s.b, i, func(c byte) bool { return c == '}' })
		s.mask(i+1, end)
		return end
	}
	end := closing(s.b, i)
	stop := end
	for _, enter := range [...]string{`\r`, `\n`} {
		if bytes.HasSuffix(s.b[i+1:end], []byte(enter)) {
			stop -= len(enter)
		}
	}
	s.mask(i+1, stop)
	return end
}

// credentials masks what is left of an authorization, such as "Bearer abc".
func (s *scanner) credentials(i int, scheme string, least int) int {
	b := s.b[i:]
	if !hasFold(b, scheme) {
		return i
	}
	n := until(b, len(scheme), func(c byte) bool { return !base64Byte(c) && c != '~' })
	if value := b[len(scheme):n]; len(value) < least || !mixed(value) {
		return i
	}
	s.mask(i+len(scheme), i+n)
	return i + n
}
