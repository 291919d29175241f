package redact

import "bytes"

// scan looks for what tells a secret by its form, anywhere in an argument:
// name=value, "name": "value", headers, credentials in addresses, tokens.
func (r *Redactor) scan(b []byte, p *program) {
	s := scanner{Redactor: r, b: b, program: p, shell: r.code || bytes.IndexByte(b, ' ') >= 0}
	r.listed = r.listed || p != nil && p.keys != nil
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case alnum(c):
			i = s.word(i)
		case c == '=':
			i = s.assignment(i)
		case c == ':':
			i = s.colon(i)
		case c == '-':
			i = s.privateKey(i)
		case c == '<' || c == '>':
			i = s.element(i)
		default:
			i++
		}
	}
	if r.awsKey && awsSecretKey(b) {
		r.mask(0, len(b))
	}
}

// A scanner is one pass over an argument. Each method is given an index and
// returns the one to go on with. Those that look further than they return
// remember what they found, so that no byte is looked at often.
type scanner struct {
	*Redactor
	b          []byte
	program    *program
	words      memo // where words end
	bares      memo // where values without quotes end
	lines      memo // where lines end
	queries    memo // where values in addresses end
	lists      memo // where values in lists end
	settings   memo // where settings with ";" between them end
	ats        memo // where the next "@" is
	runs       [len(kinds)]memo
	shell      bool // there is a blank, or a shell reads it anyway
	addressEnd int  // where the last address ends
	login      bool // "login" was there, as in .netrc
	by         int  // how often SQL's IDENTIFIED was seen
	tag        bool // a tag of XML is open
}

// A memo remembers where something ends, so that no byte is looked at twice for
// that. It holds only for ends that are the same from everywhere before.
type memo struct{ from, end int }

func (m *memo) find(b []byte, i int, end func([]byte, int) int) int {
	if i < m.from || i >= m.end {
		m.from, m.end = i, end(b, i)
	}
	return m.end
}

// word begins at the first of several letters or digits.
func (s *scanner) word(i int) int {
	if end := s.token(i); end > i {
		s.mask(i, end)
		return end
	}
	if end := s.keyword(i); end > i {
		return end
	}
	end := until(s.b, i+1, notAlnum)
	if stop := s.call(i, end); stop > end {
		return stop
	}
	return end
}

func notAlnum(c byte) bool { return !alnum(c) }

// assignment is at the "=" of name=value, also of name = value, "name" => value
// and the like.
func (s *scanner) assignment(i int) int {
	k := s.keyBefore(i)
	if k.start == k.end || i == s.ordinary || k.start > 0 && s.b[k.start-1] == '=' && bytes.HasSuffix(s.b[:k.start-1], []byte("file")) {
		return i + 1
	}
	v := i + 1
	if v < len(s.b) && (s.b[v] == '=' || s.b[v] == '>') {
		v++
	}
	if k.spaced || k.quoted {
		v = skipBlanks(s.b, v)
	}
	text := bytes.TrimLeft(s.b[k.start:k.end], "-")
	strong := strengthOf(text)
	if strong == vague && !k.query {
		strong = harmless
	}
	strong = s.named(text, v, strong)
	if s.program != nil && s.program.keys[string(text)] {
		strong = certain
	}
	if strong == harmless || strong != certain && pathLike(s.b[v:]) {
		return i + 1
	}
	if s.shell && (bytes.HasPrefix(s.b[v:], []byte("$(")) || bytes.HasPrefix(s.b[v:], []byte("`"))) {
		return i + 1 // what a command prints
	}
	start, end := s.value(v, strong == vague)
	if start == v && !s.code && k.start > 0 && s.b[k.start-1] == ';' {
		end = s.settings.find(s.b, v, func(b []byte, i int) int { return until(b, i, func(c byte) bool { return c == ';' || quote(c) }) })
	}
	if k.spaced && !k.quoted && bytes.IndexByte(s.b[start:end], '(') >= 0 {
		return end // a program's text: token = get()
	}
	return s.secret(i+1, start, end, strong)
}

// secret masks a value unless it is none that needs it, and returns where to go
// on.
func (s *scanner) secret(next, start, end int, strong strength) int {
	value := s.b[start:end]
	if !secretValue(strong, value) || s.shell && reference(value) {
		return next
	}
	s.mask(start, end)
	return max(next, end)
}

// named follows pairs in which one name says what the other is:
// ParameterKey=DBPassword,ParameterValue=…, {"name": "TOKEN", "value": "…"}.
func (s *scanner) named(text []byte, v int, strong strength) strength {
	switch {
	case equalFold(text, "name"), equalFold(text, "key"), equalFold(text, "parameterkey"), equalFold(text, "optionname"):
		start, end := s.nameAt(v)
		s.pending = strengthOf(s.b[start:end]) > vague
	case s.pending && (equalFold(text, "value") || equalFold(text, "parametervalue")):
		s.pending = false
		return certain
	}
	return strong
}

// nameAt returns the name that begins at v or after a quote.
func (s *scanner) nameAt(v int) (start, end int) {
	start = until(s.b, v, func(c byte) bool { return c != '\\' && !quote(c) })
	start = min(start, v+maxName)
	end = start
	for end < len(s.b) && end < start+maxName && nameByte(s.b[end]) {
		end++
	}
	return start, end
}

// A key is a name before "=" or ":".
type key struct {
	start, end int
	quoted     bool // "name": or ['name'] =
	spaced     bool // name =
	query      bool // ?name= or &name=
}

// maxBlanks bounds the way to the next name.
const maxBlanks = 16

// maxKey bounds the way back to where a name begins.
const maxKey = 128

func (s *scanner) keyBefore(i int) key {
	var k key
	b := s.b
	if i > 0 && (b[i-1] == ':' || b[i-1] == '+' || b[i-1] == '?') {
		i-- // :=, +=, ?=
	}
	for k.end = i; k.end > 0 && i-k.end < maxKey && blank(b[k.end-1]); k.end-- {
		k.spaced = true
	}
	for n := 0; k.end > 0 && n < 8 && closer(b[k.end-1]); n++ {
		k.end--
		k.quoted = true
	}
	for k.start = k.end; k.start > 0 && k.end-k.start < maxKey && nameByte(b[k.start-1]); {
		k.start--
	}
	k.query = k.start > 0 && (b[k.start-1] == '?' || b[k.start-1] == '&')
	return k
}

func closer(c byte) bool { return quote(c) || c == '\\' || c == ']' || c == ')' || c == '}' }

// value returns where a value begins and ends that is not the rest of its
// argument for sure. In a query it is what may be in one.
func (s *scanner) value(v int, query bool) (start, end int) {
	b := s.b
	if query || s.inAddress(v) {
		return v, s.queries.find(b, v, queryEnd)
	}
	if s.listed {
		return v, s.lists.find(b, v, func(b []byte, i int) int { return listEnd(b, i, true) })
	}
	q := v
	for q < len(b) && q < v+2 && alpha(b[q]) {
		q++ // Python's b"", rb""
	}
	if q < len(b) && b[q] == '$' {
		q++ // bash's $''
	}
	q = until(b, q, func(c byte) bool { return c != '\\' })
	if q < len(b) && quote(b[q]) {
		if end = closing(b, q); end < len(b) || !s.code {
			return q + 1, end
		}
	}
	if s.code {
		return v, s.bares.find(b, v, statementEnd)
	}
	return v, s.bares.find(b, v, bareEnd)
}

// queryEnd returns where the value of a name in an address ends.
func queryEnd(b []byte, i int) int {
	return until(b, i, func(c byte) bool {
		return blank(c) || quote(c) || c == '&' || c == '#' || c == ';' || c == '?' || c == '\\'
	})
}

// statementEnd is bareEnd in code, where another command may follow.
func statementEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '&' || c == '|':
			return i
		case c == '\\' && i+1 < len(b):
			i++
		case bareEnds(b, i):
			return i
		}
	}
	return min(i, len(b))
}

// inAddress reports whether i is in an address.
func (s *scanner) inAddress(i int) bool {
	return s.addressEnd > i
}

// closing returns where the string ends that begins with the quote at q. One
// that begins with \" ends with \".
func closing(b []byte, q int) int {
	escaped := q > 0 && b[q-1] == '\\'
	for i := q + 1; i < len(b); i++ {
		switch b[i] {
		case b[q]:
			return i
		case '\\':
			if escaped {
				return i
			}
			i++
		}
	}
	return len(b)
}

// bareEnd returns where a value without quotes ends. Punctuation is part of it
// unless another name follows.
func bareEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch {
		case bareEnds(b, i):
			return i
		case b[i] == '\\':
			i++
		}
	}
	return min(i, len(b))
}

// bareEnds reports whether a value without quotes ends before i.
func bareEnds(b []byte, i int) bool {
	next := byte(0)
	if i+1 < len(b) {
		next = b[i+1]
	}
	switch c := b[i]; c {
	case '\\':
		return quote(next)
	case '&':
		return i+1 == len(b) || next == '&' || blank(next) || nameFollows(b, i+1)
	case ',':
		return quote(next) || nameFollows(b, i+1)
	case '}', ']':
		return next == ',' || next == '}'
	default:
		return blank(c) || quote(c) || c == ';'
	}
}

// nameFollows reports whether the text at i is name= or name: .
func nameFollows(b []byte, i int) bool {
	for blanks := 0; i < len(b) && blank(b[i]) && blanks < maxBlanks; blanks++ {
		i++
	}
	end := i
	for end < len(b) && end-i < maxName && nameByte(b[end]) {
		end++
	}
	return end > i && end < len(b) && (b[end] == '=' || b[end] == ':' && end+1 < len(b) && b[end+1] == ' ')
}
