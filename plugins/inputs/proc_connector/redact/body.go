package redact

import "bytes"

// element is at a "<" or ">" of XML. It masks what is between the tags of an
// element whose name is that of a secret, as in <ns:Password type="x">secret</…>,
// and what follows an element that names one, as in a property list.
func (s *scanner) element(i int) int {
	b := s.b
	if b[i] == '<' {
		s.tag = i+1 < len(b) && alpha(b[i+1]) && (i == 0 || !alnum(b[i-1])) // and not Option<Token>
		return i + 1
	}
	if !s.tag || b[i-1] == '/' {
		s.pending = s.pending && !s.tag
		return i + 1
	}
	s.tag = false
	open := bytes.LastIndexByte(b[max(0, i-maxTag):i], '<')
	if open < 0 {
		return i + 1
	}
	open += max(0, i-maxTag) + 1
	end := until(b[:i], open, func(c byte) bool { return !nameByte(c) && c != ':' })
	name := b[open:end]
	name = name[bytes.IndexByte(name, ':')+1:]
	start, stop := i+1, len(b)
	const cdata = "<![CDATA["
	if bytes.HasPrefix(b[start:], []byte(cdata)) {
		start += len(cdata)
		if n := bytes.Index(b[start:], []byte("]]>")); n >= 0 {
			stop = start + n
		}
	} else {
		stop = until(b, start, func(c byte) bool { return c == '<' || s.code && (c == ';' || c == '&' || c == '|' || c == '\n') })
	}
	text := bytes.TrimSpace(b[start:stop])
	switch strong := strengthOf(name); {
	case len(text) == 0:
		return start
	case equalFold(name, "key") || equalFold(name, "name"):
		s.pending = strengthOf(text[max(0, len(text)-maxName):]) > vague
		return start
	case strong > vague || s.pending && holders.has(name):
		s.pending = false
		return s.secret(start, start, stop, max(strong, likely))
	}
	return start
}

var holders = wordList("holders")

// maxTag bounds the way back to where a tag begins.
const maxTag = 256

var calls, connects = wordList("calls"), wordList("connects")

// call is at a word between start and end. It masks the second of two strings in
// parentheses after it, auth=('joe', 'secret') or db.auth("joe", "secret"), or the
// third, connect('db', 'joe', 'secret').
func (s *scanner) call(start, end int) int {
	b := s.b
	const longest = 20
	if end-start > longest || end == len(b) {
		return end
	}
	var lowered [longest]byte
	for n, c := range b[start:end] {
		lowered[n] = lower(c)
	}
	word, before := lowered[:end-start], 1
	switch {
	case connects.has(word):
		before = 2
	case !calls.has(word):
		return end
	}
	i := end
	if quote(b[i]) {
		i++
	}
	if i = skipFew(b, i); i < len(b) && (b[i] == '=' || b[i] == ':') {
		i = skipFew(b, i+1)
	}
	if i == len(b) || b[i] != '(' {
		return end
	}
	for ; ; before-- {
		q := skipFew(b, i+1)
		for n := 0; n < 2 && q < len(b) && alpha(b[q]); n++ {
			q++ // Python's b"", rb""
		}
		if q >= len(b) || !quote(b[q]) {
			return end
		}
		stop := closing(b, q)
		if before == 0 {
			s.mask(q+1, stop)
			return stop
		}
		if i = skipFew(b, min(len(b), stop+1)); i == len(b) || b[i] != ',' {
			return end
		}
	}
}

// skipFew skips blanks, but not many.
func skipFew(b []byte, i int) int {
	for n := 0; n < maxBlanks && i < len(b) && blank(b[i]); n++ {
		i++
	}
	return i
}

// encoded reports whether the string at i is something in base64.
func (s *scanner) encoded(i int) bool {
	const least = 8
	start := until(s.b, i, func(c byte) bool { return c != '\\' && !quote(c) })
	end := until(s.b, start, func(c byte) bool { return !base64Only(c) })
	return end-start >= least && (end-start)%4 == 0 && mixed(s.b[start:end])
}
