package redact

import "bytes"

// A scanner is one pass over an argument, for what tells a secret by its form. Each method is
// given an index. It sets next, or leaves it and reports false where it finds nothing.
type scanner struct {
	*Redactor
	program    *program
	next       int      // where to go on, if that is not the next character
	ends       [16]span // from where on each ending is known, and where it is
	bare       ending   // of values without quotes
	shell      bool     // there is a blank, or a shell reads it anyway
	addressEnd int      // where the last address ends
	login      bool     // "login" was there, as in .netrc
	identified bool     // SQL's IDENTIFIED was there
	tag        bool     // a tag of XML is open
}

// An ending is where something ends, the same from everywhere before.
type ending int

type finder struct {
	find func(b []byte, i int, set *charset) int
	set  *charset
}

var finders []finder

func newEnding(find func(b []byte, i int, set *charset) int, set *charset) ending {
	finders = append(finders, finder{find, set})
	return ending(len(finders) - 1)
}

var (
	wordEnd    = newEnding(until, chars(blank+quote))
	lineEnd    = newEnding(until, chars("\n\r"))
	queryEnd   = newEnding(until, chars(blank+quote+`&#;?\`)) // of a value in an address
	settingEnd = newEnding(until, chars(quote+";"))           // of one of several with ";" between them
	atSign     = newEnding(until, chars("@"))
	itemEnd    = newEnding(listEnd, itemSeparators)
	valueEnd   = newEnding(func(b []byte, i int, _ *charset) int { return bareEnd(b, i, false) }, nil)
	commandEnd = newEnding(func(b []byte, i int, _ *charset) int { return bareEnd(b, i, true) }, nil)
)

// kinds of characters in tokens.
var kinds = map[string]ending{
	"hex": newEnding(skip, chars(digit+"abcdefABCDEF")), "upper": newEnding(skip, chars(digit+capital)),
	"alnum": newEnding(skip, alnums), "token": newEnding(skip, tokenChars),
	"dotted": newEnding(skip, nameChars), "base64": newEnding(skip, chars(alnum+"_-.+/=")),
}

// end returns where, from i on, something ends. It is remembered, so that no byte is looked at twice for that.
func (s *scanner) end(e ending, i int) int {
	known := &s.ends[e]
	if i < known.start || i >= known.end {
		f := &finders[e]
		*known = span{i, f.find(s.arg, i, f.set)}
	}
	return known.end
}

func (r *Redactor) scan(p *program) {
	b := r.arg
	s := scanner{Redactor: r, program: p, bare: valueEnd, shell: r.code || bytes.IndexByte(b, ' ') >= 0}
	if r.code {
		s.bare = commandEnd
	}
	r.listed = r.listed || p.keys.words != nil
	for i := 0; i < len(b); i = max(s.next, i+1) {
		switch c := b[i]; {
		case alnums[c]:
			s.word(i)
		case c == '=':
			s.assignment(i)
		case c == ':':
			s.colon(i)
		case c == '-':
			s.privateKey(i)
		case c == '<' || c == '>':
			s.element(i)
		}
	}
	const awsSecret = 40 // the length of one, which goes with an access key
	if r.awsKey && len(b) == awsSecret && only(b, awsChars) && has(b, capitals) && mixed(b) {
		r.mask(b)
	}
}

// hide masks what is between start and end, if anything is, and goes on at the end.
func (s *scanner) hide(start, end int) bool {
	s.mask(s.arg[start:end])
	s.next = end
	return true
}

// hideValue masks the value of something with a name of this strength, unless it is none that needs it.
func (s *scanner) hideValue(strong strength, start, end int) bool {
	return s.maskValue(strong, s.arg[start:end], s.shell) && s.hide(end, end)
}

// word begins at the first of several letters or digits.
func (s *scanner) word(i int) {
	if end := s.token(i); end > i {
		s.hide(i, end)
	} else if !s.keyword(i) {
		s.call(i, skip(s.arg, i, alnums))
	}
}

// A key is a name before "=" or ":".
type key struct {
	start, end int
	quoted     bool // "name": or ['name'] =
	spaced     bool // name =
}

var closers, assigners = chars(quote + `\])}`), chars(":+?")

func (s *scanner) keyBefore(i int) key {
	b := s.arg
	if assigners[char(b, i-1)] {
		i-- // :=, +=, ?=
	}
	name := back(b, i, blanks, maxKey)
	end := back(b, name, closers, 8)
	return key{back(b, end, nameChars, maxKey), end, end < name, name < i}
}

// assignment is at the "=" of name=value, name = value, "name" => value and the like.
func (s *scanner) assignment(i int) {
	b, k := s.arg, s.keyBefore(i)
	if k.start == k.end || i == s.ordinary || bytes.HasSuffix(b[:k.start], []byte("file=")) {
		return
	}
	v := i + 1
	if char(b, v) == '=' || char(b, v) == '>' {
		v++
	}
	if k.spaced || k.quoted {
		v = skip(b, v, blanks)
	}
	text := bytes.TrimLeft(b[k.start:k.end], "-")
	strong := strengthOf(text)
	if strong == vague && !oneOf(char(b, k.start-1), "?&") {
		strong = harmless
	}
	strong = s.named(text, v, strong)
	if s.program.keys.has(text) {
		strong = certain
	}
	if strong == harmless || s.shell && (startsWith(b[v:], "$(") || startsWith(b[v:], "`")) { // what a command prints
		return
	}
	start, end := s.value(v, strong == vague)
	if start == v && !s.code && char(b, k.start-1) == ';' {
		end = s.end(settingEnd, v)
	}
	if k.spaced && !k.quoted && bytes.IndexByte(b[start:end], '(') >= 0 {
		s.next = end // a program's text: token = get()
		return
	}
	s.hideValue(strong, start, end)
}

// named follows pairs in which one name says what the other is: ParameterKey=DBPassword,ParameterValue=…,
// {"name": "TOKEN", "value": "…"}.
func (s *scanner) named(text []byte, v int, strong strength) strength {
	switch {
	case namers.hasFold(text):
		start := skipFew(s.arg, v, escapes, maxName)
		s.pending = strengthOf(s.arg[start:skipFew(s.arg, start, nameChars, maxName)]) > vague
	case s.pending && named.hasFold(text):
		s.pending = false
		return certain
	}
	return strong
}

// value returns where a value begins and ends that may not be the rest of its argument.
func (s *scanner) value(v int, query bool) (start, end int) {
	switch {
	case query || s.addressEnd > v:
		return v, s.end(queryEnd, v)
	case s.listed:
		return v, s.end(itemEnd, v)
	}
	q := skipFew(s.arg, v, letters, 2) // Python's b"", rb""
	if char(s.arg, q) == '$' {
		q++ // bash's $''
	}
	q = skip(s.arg, q, backslashes)
	if quotes[char(s.arg, q)] {
		if end = closing(s.arg, q); end < len(s.arg) || !s.code {
			return q + 1, end
		}
	}
	return v, s.end(s.bare, v)
}
