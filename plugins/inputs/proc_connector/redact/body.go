package redact

import "bytes"

// element is at a "<" or ">" of XML. It masks what is between the tags of an
// element whose name is that of a secret, as in <ns:Password type="x">secret</…>,
// and what follows an element that names one, as in a property list.
func (s *scanner) element(i int) int {
	b := s.b
	if b[i] == '<' {
		s.tag = i+1 < len(b) && alpha(b[i+1])
		return i + 1
	}
	if !s.tag || b[i-1] == '/' {
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
	start, stop := i+1, i+1
	const cdata = "<![CDATA["
	if bytes.HasPrefix(b[start:], []byte(cdata)) {
		start += len(cdata)
		stop = len(b)
		if n := bytes.Index(b[start:], []byte("]]>")); n >= 0 {
			stop = start + n
		}
	} else {
		stop = until(b, start, func(c byte) bool { return c == '<' })
	}
	text := bytes.TrimSpace(b[start:stop])
	switch strong := strengthOf(name); {
	case len(text) == 0:
		return start
	case equalFold(name, "key") || equalFold(name, "name"):
		s.pending = strengthOf(text[max(0, len(text)-maxName):]) > vague
		return start
	case strong > vague || s.pending:
		s.pending = false
		return s.secret(start, start, stop, max(strong, likely))
	}
	return start
}

// maxTag bounds the way back to where a tag begins.
const maxTag = 256

var calls = wordList("calls")

// call is at a word between start and end. It masks the second of two strings in
// parentheses after it: auth=('joe', 'secret'), db.auth("joe", "secret").
func (s *scanner) call(start, end int) int {
	b := s.b
	const longest = 16
	if end-start > longest || end == len(b) {
		return end
	}
	var word [longest]byte
	for n, c := range b[start:end] {
		word[n] = lower(c)
	}
	if !calls.has(word[:end-start]) {
		return end
	}
	i := end
	if quote(b[i]) {
		i++
	}
	if i = skipFew(b, i); i < len(b) && (b[i] == '=' || b[i] == ':') {
		i = skipFew(b, i+1)
	}
	if i == len(b) || b[i] != '(' && b[i] != '[' {
		return end
	}
	user := skipFew(b, i+1)
	if user == len(b) || !quote(b[user]) {
		return end
	}
	comma := skipFew(b, min(len(b), closing(b, user)+1))
	if comma == len(b) || b[comma] != ',' {
		return end
	}
	q := skipFew(b, comma+1)
	if q == len(b) || !quote(b[q]) {
		return end
	}
	stop := closing(b, q)
	s.mask(q+1, stop)
	return stop
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
