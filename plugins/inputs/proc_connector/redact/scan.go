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
