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
	unclear bool     // the word before was a long option that may have a value
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
	unclear := c.unclear
	c.unclear = false
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
		r.positional(c, b, off, unclear)
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

func (c *command) expect(e expectation, s strength) {
	c.next, c.strong = e, s
}
