package redact

import "bytes"

// A command follows the words of one command line, and knows from the program
// and from the word before what the next one is.
type command struct {
	program *program
	named   bool // the program's name was there
	wraps   bool // another program's name may come
	skip    int  // words before that name
	next    expectation
	strong  strength // of what is expected
	prose   bool     // all that follows is text for people
	shell   bool     // a shell has these words before the program has them
	remote  bool     // a shell will read what follows
	args    int      // arguments that are no options
	matched uint32   // of the program's places, those that fit so far
}

// expectation is what the next word is.
type expectation int

const (
	nothing  expectation = iota
	value                // of an option, nothing special
	secret               // all of it
	pair                 // user:password
	cookies              // name=value; name=value, or a file
	source               // pass:password, in openssl's way
	sentence             // text for people
	commands             // a shell's command line
)

// word handles one word of a command line: an argument, or a word of a shell's
// command in it. off is where it is in the argument.
func (r *Redactor) word(c *command, b []byte, off, depth int) {
	c.shell = depth > 0
	text := c.prose
	e := c.next
	c.next = nothing
	switch {
	case e == secret && !optionLike(b):
		if secretValue(c.strong, b) && !(depth > 0 && reference(b)) {
			r.mask(off, off+len(b))
		}
		return
	case e == pair:
		r.pair(c, b, off)
		return
	case e == cookies:
		if bytes.IndexByte(b, '=') >= 0 {
			r.mask(off, off+len(b))
		}
		return
	case e == source:
		r.source(b, off)
		return
	case e == sentence:
		text = true
	case e == commands:
		r.code = true
	case e == value:
		r.leading(b, off, depth)
	case !c.named:
		r.leading(b, off, depth)
		c.name(b, depth)
	case c.prose:
	case len(b) > 1 && b[0] == '-':
		r.option(c, b, off)
		if r.ordinary < off {
			r.leading(b, off, depth)
		}
	default:
		r.positional(c, b, off)
		if !c.remote || bytes.IndexByte(b, ' ') < 0 {
			r.leading(b, off, depth)
		}
	}
	if !text && depth < maxDepth && bytes.IndexByte(b, ' ') >= 0 {
		r.script(b, off, depth+1)
	}
}

// name is about a word where the program's name is expected.
func (c *command) name(b []byte, depth int) {
	if depth > 0 && (in(keywords, b) || assigns(b)) {
		return
	}
	c.is(programOf(b))
}

// keywords of a shell come before a program's name.
var keywords = setOf("if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "exec", "eval", "command", "builtin", "export", "local",
	"declare", "readonly", "typeset", "set", "")

func assigns(b []byte) bool {
	eq := bytes.IndexByte(b, '=')
	return eq > 0 && until(b[:eq], 0, func(c byte) bool { return !alnum(c) && c != '_' }) == eq
}

// is begins the arguments of a program.
func (c *command) is(p *program) {
	*c = command{program: p, named: true, remote: c.remote}
	if p != nil {
		c.prose = p.prose
		c.wraps, c.skip = p.wraps != 0, p.wraps-1
		c.remote = c.remote || p.remote
		c.matched = 1<<len(p.places) - 1
	}
}

// leading is name=value that begins a word, with or without dashes before. The
// value is all the rest, unless another name follows.
func (r *Redactor) leading(b []byte, off, depth int) {
	start := until(b, 0, func(c byte) bool { return c != '-' })
	end := start
	for end < len(b) && end-start < maxKey && (nameByte(b[end]) || b[end] == '[' || b[end] == ']' || b[end] == '/' || b[end] == ':') {
		end++
	}
	if end == start || end == len(b) || b[end] != '=' {
		return
	}
	strong := strengthOf(b[start:end])
	if start == 1 && end-start > 1 {
		strong = max(strong, strengthOf(b[start+1:end])) // -Dname=, -Pname=
	}
	if strong <= vague {
		return
	}
	v := end + 1
	if v < len(b) && b[v] == '=' || end > 0 && b[end-1] == ':' {
		return // a comparison, or a program's text
	}
	stop := len(b)
	if start == 0 && depth == 0 && hasSmall(b[:end]) {
		stop = listEnd(b, v)
	}
	if v < stop && quote(b[v]) {
		if end := closing(b[:stop], v); end+1 >= stop || !alnum(b[end+1]) {
			v, stop = v+1, end
		}
	}
	if secretValue(strong, b[v:stop]) && !(depth > 0 && reference(b[v:stop])) {
		r.mask(off+v, off+stop)
	}
}

func hasSmall(b []byte) bool {
	return until(b, 0, func(c byte) bool { return 'a' <= c && c <= 'z' }) < len(b)
}

// listEnd returns where a value ends that may be one of several, as in
// password=x&user=y or password=x user=y.
func listEnd(b []byte, v int) int {
	for i := v; i < len(b); i++ {
		switch c := b[i]; {
		case c == '&' || c == ';' || c == ',' || blank(c):
			if nameFollows(b, i+1) {
				return i
			}
		case quote(c) && i > v:
			return i
		}
	}
	return len(b)
}

// option is a word that begins with a dash.
func (r *Redactor) option(c *command, b []byte, off int) {
	dashes := 1
	if b[1] == '-' {
		dashes = 2
	}
	name, _, assigned := bytes.Cut(b[dashes:], []byte{'='})
	if len(name) == 0 {
		return
	}
	v := dashes + len(name) + 1
	p := c.program
	if p != nil && p.subs[string(b)] != nil {
		c.is(p.subs[string(b)])
		return
	}
	if dashes == 1 && !p.longShort() && r.cluster(c, b, off) {
		return
	}
	if p != nil {
		if e := p.longOption(name); e != nothing {
			c.expect(e, certain)
			if assigned {
				r.ordinary = off + v - 1
				c.next = nothing
				r.given(c, e, b[v:], off+v)
			}
			return
		}
	}
	if assigned || dashes == 1 && len(name) < 3 && string(name) != "pw" {
		return
	}
	if equalFold(name, "message") || equalFold(name, "title") || equalFold(name, "body") || equalFold(name, "description") ||
		equalFold(name, "comment") || equalFold(name, "subject") {
		c.next = sentence
		return
	}
	if s := strengthOf(name); s > vague {
		c.expect(secret, s)
	}
}

func (c *command) expect(e expectation, s strength) {
	c.next, c.strong = e, s
}

// given is an option's value that is in the same word.
func (r *Redactor) given(c *command, e expectation, b []byte, off int) {
	if len(b) > 1 && quote(b[0]) && closing(b, 0) == len(b)-1 {
		b, off = b[1:len(b)-1], off+1
	}
	switch e {
	case secret:
		if secretValue(certain, b) && !(c.shell && reference(b)) {
			r.mask(off, off+len(b))
		}
	case pair:
		r.pair(c, b, off)
	case cookies:
		if bytes.IndexByte(b, '=') >= 0 {
			r.mask(off, off+len(b))
		}
	case source:
		r.source(b, off)
	}
}

// cluster is short options in one word, the last of which may have its value
// attached. It reports whether the program has such an option.
func (r *Redactor) cluster(c *command, b []byte, off int) bool {
	p := c.program
	if p == nil || b[1] == '-' {
		return false
	}
	for i := 1; i < len(b); i++ {
		e, attached := p.shortOption(b[i])
		if e == nothing {
			if !p.flag(b[i]) {
				return false
			}
			continue
		}
		rest := b[i+1:]
		switch {
		case len(rest) == 0 && !attached:
			c.expect(e, certain)
		case len(rest) > 0:
			if rest[0] == '=' && !attached {
				i, rest = i+1, rest[1:]
			}
			r.given(c, e, rest, off+i+1)
		}
		return true
	}
	return true
}

// pair masks the password of user:password.
func (r *Redactor) pair(c *command, b []byte, off int) {
	sep := byte(':')
	if c.program != nil && c.program.sep != 0 {
		sep = c.program.sep
	}
	i := bytes.IndexByte(b, sep)
	if i < 0 {
		return
	}
	if user := b[:i]; placeholder(b[i+1:]) && len(user) >= 16 && random(user) {
		r.mask(off, off+i)
	}
	if !(c.shell && reference(b[i+1:])) {
		r.mask(off+i+1, off+len(b))
	}
}

// source masks the password of pass:password. A file's name is none.
func (r *Redactor) source(b []byte, off int) {
	const given = "pass:"
	if bytes.HasPrefix(b, []byte(given)) {
		r.mask(off+len(given), off+len(b))
	}
}

// positional is a word that is neither an option nor an option's value.
func (r *Redactor) positional(c *command, b []byte, off int) {
	p := c.program
	if p == nil {
		return
	}
	if sub := p.subs[string(b)]; sub != nil {
		c.is(sub)
		return
	}
	if c.wraps && !assigns(b) {
		switch inner := programOf(b); {
		case inner != nil && (c.skip <= 0 || p.wraps == anywhere):
			c.is(inner)
			return
		case p.wraps == anywhere:
		case c.skip <= 0:
			c.is(nil)
			return
		default:
			c.skip--
		}
	}
	for i, place := range p.places {
		bit := uint32(1) << i
		if c.matched&bit == 0 {
			continue
		}
		if c.args >= len(place) {
			c.matched &^= bit
			continue
		}
		switch want := place[c.args]; want {
		case "*":
		case "!":
			if secretValue(certain, b) {
				r.mask(off, off+len(b))
			}
		default:
			if string(b) != want {
				c.matched &^= bit
			}
		}
	}
	if p.slash && len(b) > 0 && b[0] == '/' {
		if i := bytes.IndexByte(b, ':'); i > 0 && (i == 2 && b[1] == 'p' || strengthOf(b[1:i]) > vague) {
			r.mask(off+i+1, off+len(b))
		}
	}
	if p.oracle {
		r.oracle(b, off)
	}
	c.args++
	if p.names {
		if s := strengthOf(b); s > vague && isName(b) {
			c.expect(secret, s)
		}
		return
	}
}

// oracle masks the password of user/password@database.
func (r *Redactor) oracle(b []byte, off int) {
	start := max(0, bytes.IndexByte(b, '=')+1)
	slash := bytes.IndexByte(b[start:], '/')
	if slash <= 0 || b[0] == '@' {
		return
	}
	end := bytes.LastIndexByte(b, '@')
	if end < start+slash {
		end = len(b)
	}
	r.mask(off+start+slash+1, off+end)
}

// optionLike reports whether a word where a secret is expected is an option, as
// where that secret is asked for instead.
func optionLike(b []byte) bool {
	const longest = 40
	if len(b) < 2 || b[0] != '-' {
		return false
	}
	name, _, _ := bytes.Cut(b[:min(len(b), longest+1)], []byte{'='})
	if len(name) > longest {
		return false
	}
	return until(name, 0, func(c byte) bool { return !alpha(c) && c != '-' }) == len(name)
}

// isName reports whether an argument is the name of a setting: those that are
// commands, such as set-password, are not.
func isName(b []byte) bool {
	last := base(b)
	switch {
	case len(last) < len(b), bytes.ContainsAny(b, ".:"):
		return strengthOf(last) > vague
	case in(plainNames, b):
		return true
	}
	split := false
	for i, c := range b {
		switch {
		case c == '=', c == '-':
			return false
		case c == '_', i > 0 && upper(c) && !upper(b[i-1]):
			split = true
		}
	}
	return split
}

var plainNames = setOf("password", "passwd", "passphrase", "token", "requirepass", "masterauth", "psk")
