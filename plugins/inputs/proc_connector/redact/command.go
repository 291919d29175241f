package redact

import "bytes"

// A command knows what the next word of a command line is, from the program and the word before.
type command struct {
	*Redactor
	depth   int // of the quotes that the words are in: a shell has them before the program
	program *program
	skip    int      // words before the name of another program
	remote  bool     // a shell will read what follows
	reads   bool     // a secret comes from the input
	next    string   // what the next word is, as an option says: programs.txt explains it
	strong  strength // of a secret that is next
	unclear bool     // the word before was a long option that may have a value
	form    int      // of that value
	at      [maxPlaces]int
}

func (r *Redactor) command(depth int) command {
	return command{Redactor: r, depth: depth, program: unnamed, form: anyForm}
}

// is begins the arguments of a program.
func (c *command) is(p *program) {
	c.program, c.skip, c.at = p, p.wraps-1, [maxPlaces]int{}
	c.remote = c.remote || p.is("remote")
	c.reads = c.reads || p.is("reads")
}

// word handles one word of a command line: an argument, or a word of a shell's command in it.
func (c *command) word(b []byte) {
	e, unclear, form := c.next, c.unclear, c.form
	c.next, c.unclear, c.form = "", false, anyForm
	text := c.program.is("prose")
	spaced := bytes.IndexByte(b, ' ') >= 0
	switch after := c.program.after[string(b)]; {
	case e == "value":
		c.leading(b, form)
	case e != "" && !(e == "secret" && optionLike(b)):
		c.given(e, b)
		return
	case c.program == unnamed:
		c.leading(b, form)
		if c.depth == 0 || len(b) > 0 && !keywords.has(b) && !assigns(b) {
			c.is(programOf(b))
		}
	case after != "":
		c.is(programs[after])
	case text:
	case len(b) > 1 && b[0] == '-':
		if c.option(b) {
			return
		}
		if c.ordinary < c.index(b) {
			c.leading(b, form)
		}
	case spaced && c.program.is("words"):
		c.ownWords(b)
		return
	default:
		c.positional(b, unclear)
		if !c.remote || !bytes.ContainsAny(b, " ;&|\n") {
			c.leading(b, form)
		}
	}
	if !text && spaced {
		c.script(b, c.depth+1)
	}
}

// given handles the value of an option.
func (c *command) given(e string, b []byte) {
	switch e {
	case "secret", "attached":
		c.maskValue(c.strong, b, c.depth > 0)
	case "pair":
		if i := bytes.IndexByte(b, c.program.separator); i >= 0 {
			c.maskLogin(b[:i], b[i+1:], c.depth > 0)
		}
	case "keyed":
		if i := bytes.LastIndexByte(b, ':'); i >= 0 {
			c.mask(b[i+1:])
		}
	case "cookies":
		if bytes.IndexByte(b, '=') >= 0 {
			c.mask(b)
		}
	case "source":
		if password, ok := bytes.CutPrefix(b, []byte("pass:")); ok {
			c.mask(password)
		}
		c.reads = c.reads || string(b) == "stdin" || string(b) == "fd:0"
	case "code":
		c.code = true
		if c.program.is("labeled") {
			c.skip++
		}
		c.script(b, c.depth+1)
	case "words":
		c.ownWords(b)
	case "program":
		c.is(programOf(b))
	}
}

// ownWords handles an argument that holds words of the same command line.
func (c *command) ownWords(b []byte) {
	c.depth++
	for i := skip(b, 0, blanks); i < len(b) && c.depth <= maxDepth; i = skip(b, i, blanks) {
		end := max(shellWordEnd(b, i), i+1)
		c.word(unquoted(b[i:end]))
		i = end
	}
	c.depth--
}

// option is a word that begins with a dash. It reports whether there is nothing more in it.
func (c *command) option(b []byte) bool {
	dashes := min(skip(b, 0, hyphens), 2)
	name, given, assigned := bytes.Cut(b[dashes:], []byte{'='})
	if len(name) == 0 {
		return false
	}
	c.reads = c.reads || inputOptions.has(b) || assigned && inputOptions.has(b[:dashes+len(name)])
	e, value := "", []byte(nil)
	if dashes == 1 && !c.program.is("single") {
		e, value = c.letters(b)
	}
	if e == "" {
		if e = c.program.long[string(name)]; assigned && e != "" && e != "input" {
			value, c.ordinary = given, c.index(given)-1
		}
	}
	c.strong = certain
	switch {
	case e == "input":
		c.reads = true
	case value != nil:
		if n := len(value) - 1; n > 0 && quotes[value[0]] && closing(value, 0) == n {
			value = value[1:n]
		}
		c.given(e, value)
		return e == "code" || e == "words"
	case e != "" && e != "flags":
		c.next = e
	case e != "", assigned, dashes == 1 && len(name) < 3 && string(name) != "pw":
	case sentenceOptions.has(name):
		c.next = "sentence"
	default:
		c.unclear, c.form = dashes == 2, formOf(name)
		c.expectNamed(name)
	}
	return false
}

// letters returns what the program says of short options in one word, the last with its value.
func (c *command) letters(b []byte) (e string, value []byte) {
	for i := 1; i < len(b); i++ {
		e = c.program.short[b[i]]
		switch rest := b[i+1:]; {
		case e == "":
			return "", nil
		case e == "input":
			c.reads = true
		case e == "flags", e == "attached" && len(rest) == 0:
		case e == "attached":
			return e, rest
		case len(rest) == 0:
			return e, nil
		default:
			return e, bytes.TrimPrefix(rest, []byte("="))
		}
	}
	return "flags", nil
}

// expectNamed expects the value of something with a name.
func (c *command) expectNamed(name []byte) {
	if s := strengthOf(name); s > vague {
		c.next, c.strong = "secret", s
	}
}

var optionChars = chars(capital + small + "-")

// optionLike reports whether an option stands in place of a secret, which a program asks for then.
func optionLike(b []byte) bool {
	const longest = 40
	end := skip(b, 0, optionChars)
	return len(b) > 1 && b[0] == '-' && end <= longest && (end == len(b) || b[end] == '=')
}

var separators, lessThans = chars("\n;&()`|"), chars("<")

// script takes an argument for what a shell would run. In other text few words mean something here.
func (r *Redactor) script(b []byte, depth int) {
	if depth > maxDepth {
		return
	}
	c := r.command(depth)
	var written, fed []byte // what the command at hand writes, and what it gets to read
	from := 0               // where written begins
	for i := 0; i < len(b); {
		switch ch := b[i]; {
		case separators[ch]:
			fed = nil
			if ch == '|' && !startsWith(b[i:], "||") {
				fed = written
			}
			c, written = r.command(depth), nil
			i++
		case blanks[ch], ch == '>', ch == '<' && !startsWith(b[i:], "<<<"), startsWith(b[i:], "$("):
			i++
		case ch == '<':
			i = skip(b, skip(b, i, lessThans), blanks)
			end := shellWordEnd(b, i)
			if fed = b[i:end]; reference(fed) {
				fed = nil
			}
			i = end
		default:
			end := shellWordEnd(b, i)
			echo := c.program.is("writes")
			word := unquoted(b[i:end])
			c.word(word)
			switch {
			case !echo, startsWith(word, "-"):
			case written != nil:
				written = b[from:end]
			case !reference(b[i:end]):
				written, from = b[i:end], i
			}
			i = end
		}
		if c.reads {
			r.mask(fed)
			fed = nil
		}
	}
}

// unquoted returns a word without the quotes it may be in.
func unquoted(word []byte) []byte {
	n := len(word) - 1
	if n > 0 && (word[0] == '"' || word[0] == '\'') && bytes.IndexByte(word[1:], word[0]) == n-1 {
		return word[1:n]
	}
	return word
}

var shellWordEnds = chars(blank + ";&|()<>`")

// shellWordEnd returns where a shell's word ends.
func shellWordEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\':
			i++
		case c == '\'':
			i = find(b, i+1, "'")
		case c == '"':
			i += closing(b[i:], 0)
		case shellWordEnds[c], startsWith(b[i:], "$("):
			return i
		}
	}
	return min(i, len(b))
}
