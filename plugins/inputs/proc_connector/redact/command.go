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
	shell   bool     // a shell has these words before the program has them
	remote  bool     // a shell will read what follows
	reads   bool     // a secret comes from the input
	unclear bool     // the word before was a long option that may have a value
	form    form     // of that value
	at      [maxPlaces]uint8
}

// A form is how an option's name=value is written.
type form int

const (
	anyForm   form = iota
	wholeForm      // the value is all the rest
	listForm       // name=value,name=value
	fileForm       // the value is a file's name
)

// word handles one word of a command line: an argument, or a word of a shell's
// command in it. off is where it is in the argument.
func (r *Redactor) word(c *command, b []byte, off, depth int) {
	c.shell = depth > 0
	e, unclear, form := c.next, c.unclear, c.form
	c.next, c.unclear, c.form = nothing, false, anyForm
	text := c.program.has(prose)
	switch {
	case e == nothing, e == secret && optionLike(b): // that secret is asked for instead
		switch {
		case !c.named:
			r.leading(c, b, off, depth, form)
			c.name(b, depth)
		case text:
		case len(b) > 1 && b[0] == '-':
			if r.option(c, b, off, depth) {
				return
			}
			if r.ordinary < off {
				r.leading(c, b, off, depth, form)
			}
		case c.program.has(ownWords) && bytes.IndexByte(b, ' ') >= 0:
			r.words(c, b, off, depth+1)
			return
		default:
			r.positional(c, b, off, unclear)
			if !c.remote || !bytes.ContainsAny(b, " ;&|\n") {
				r.leading(c, b, off, depth, form)
			}
		}
	case e == value:
		r.leading(c, b, off, depth, form)
	case e == sentence:
		return
	default:
		r.given(c, e, b, off, depth)
		return
	}
	if !text && bytes.IndexByte(b, ' ') >= 0 {
		r.script(b, off, depth+1)
	}
}

// given handles the value of an option.
func (r *Redactor) given(c *command, e expectation, b []byte, off, depth int) {
	switch e {
	case secret, attached:
		if secretValue(c.strong, b) && !(c.shell && reference(b)) {
			r.mask(off, off+len(b))
		}
	case pair:
		r.pair(c, b, off)
	case keyed:
		if i := bytes.LastIndexByte(b, ':'); i >= 0 {
			r.mask(off+i+1, off+len(b))
		}
	case cookies:
		if bytes.IndexByte(b, '=') >= 0 {
			r.mask(off, off+len(b))
		}
	case source:
		const given = "pass:"
		if bytes.HasPrefix(b, []byte(given)) {
			r.mask(off+len(given), off+len(b))
		}
		c.reads = c.reads || string(b) == "stdin" || string(b) == "fd:0"
	case code:
		r.code = true
		if c.program.has(labeled) {
			c.skip++
		}
		r.script(b, off, depth+1)
	case ownWord:
		r.words(c, b, off, depth+1)
	case wrapped:
		c.is(programOf(b))
	}
}

// words handles an argument that holds words of the same command line.
func (r *Redactor) words(c *command, b []byte, off, depth int) {
	for i := skipBlanks(b, 0); i < len(b) && depth <= maxDepth; i = skipBlanks(b, i) {
		end := max(wordEnd(b, i), i+1)
		first, last := unquoted(b, i, end)
		r.word(c, b[first:last], off+first, depth)
		i = end
	}
}

// name is about a word where the program's name is expected.
func (c *command) name(b []byte, depth int) {
	if depth > 0 && (len(b) == 0 || keywords.has(b) || assigns(b)) {
		return
	}
	c.is(programOf(b))
}

// keywords of a shell come before a program's name.
var keywords = wordList("keywords")

func assigns(b []byte) bool {
	eq := bytes.IndexByte(b, '=')
	return eq > 0 && until(b[:eq], 0, func(c byte) bool { return !alnum(c) && c != '_' }) == eq
}

// is begins the arguments of a program.
func (c *command) is(p *program) {
	*c = command{program: p, named: true, shell: c.shell, remote: c.remote || p.has(remote), reads: c.reads || p.has(reads)}
	if p != nil {
		c.wraps, c.skip = p.wraps != 0, p.wraps-1
	}
}

var wholeOptions, listOptions, publicNames = wordList("whole"), wordList("lists"), wordList("public")

// formOf says how the value of an option is written.
func formOf(option []byte) form {
	switch {
	case wholeOptions.has(option):
		return wholeForm
	case listOptions.has(option):
		return listForm
	case bytes.HasSuffix(option, []byte("file")):
		return fileForm
	}
	return anyForm
}

// leading is name=value that begins a word, with or without dashes before, or
// --option=name=value. The value is all the rest, unless another name follows.
func (r *Redactor) leading(c *command, b []byte, off, depth int, f form) {
	const levels = 3
	dashes := until(b, 0, func(c byte) bool { return c != '-' })
	start, stop := dashes, len(b)
	for level := range levels {
		end := start
		for end < stop && end-start < maxKey && (nameByte(b[end]) || b[end] == '[' || b[end] == ']' || b[end] == '/' || b[end] == ':') {
			end++
		}
		if end == start || end >= stop || b[end] != '=' {
			return
		}
		v := end + 1
		if v < stop && b[v] == '=' || b[end-1] == ':' {
			return // a comparison, or a program's text
		}
		if f == fileForm {
			r.ordinary = off + end
			return
		}
		name := b[start:end]
		strong := strengthOf(name)
		if level == 0 && dashes == 1 && len(name) > 1 {
			strong = max(strong, strengthOf(name[1:])) // -Dname=, -Pname=
		}
		option := level == 0 && dashes > 0
		if c.program.has(values) && !option && strong <= vague && !publicNames.has(name) && (v == stop || b[v] != '@') {
			strong = likely
		}
		if f == listForm {
			r.listed = true
		}
		if strong > vague {
			if !option && depth == 0 && f != wholeForm && hasSmall(name) {
				stop = listEnd(b[:stop], v, f == listForm || level > 0)
			} else if f == listForm {
				stop = listEnd(b[:stop], v, true)
			}
			r.assigned(b, v, stop, off, depth, strong)
			return
		}
		if level == 0 {
			f = max(f, formOf(name))
		}
		start = v
		if v < stop && quote(b[v]) {
			start, stop = v+1, closing(b[:stop], v)
		}
	}
}

// assigned masks the value between v and stop, inside of its quotes.
func (r *Redactor) assigned(b []byte, v, stop, off, depth int, strong strength) {
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
// password=x&user=y or password=x user=y. Those in an option have commas between
// them.
func listEnd(b []byte, v int, option bool) int {
	for i := v; i < len(b); i++ {
		c := b[i]
		if (c == ',' || c == ';' || !option && (c == '&' || blank(c))) && nameFollows(b, i+1) {
			return i
		}
	}
	return len(b)
}

func (c *command) expect(e expectation, s strength) {
	c.next, c.strong = e, s
}
