package redact

import (
	"bytes"
	"slices"
	"strings"
)

// A command knows what the next word of a command line is, from the program and the word before.
type command struct {
	*Redactor
	depth   int // of the quotes that the words are in: a shell has them before the program
	program *program
	named   bool     // the program's name was there
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
	return command{Redactor: r, depth: depth, program: unknown}
}

// is begins the arguments of a program.
func (c *command) is(p *program) {
	remote, reads := c.remote || p.is("remote"), c.reads || p.is("reads")
	*c = command{Redactor: c.Redactor, depth: c.depth, program: p, named: true, remote: remote, reads: reads, skip: p.wraps - 1}
}

// word handles one word of a command line: an argument, or a word of a shell's command in it.
func (c *command) word(b []byte) {
	e, unclear, form := c.next, c.unclear, c.form
	c.next, c.unclear, c.form = "", false, anyForm
	text := c.program.is("prose")
	spaced := bytes.IndexByte(b, ' ') >= 0
	switch {
	case e == "value":
		c.leading(b, form)
	case e != "" && !(e == "secret" && optionLike(b)):
		c.given(e, b)
		return
	case !c.named:
		c.leading(b, form)
		if c.depth == 0 || len(b) > 0 && !keywords.has(b) && !assigns(b) {
			c.is(programOf(b))
		}
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
		c.pair(b)
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

// pair masks the password of user:password.
func (c *command) pair(b []byte) {
	i := bytes.IndexByte(b, c.program.separator)
	if i < 0 {
		return
	}
	user, password := b[:i], b[i+1:]
	c.maskUser(user, password)
	if c.depth == 0 || !reference(password) {
		c.mask(password)
	}
}

// option is a word that begins with a dash. It reports whether there is nothing more in it.
func (c *command) option(b []byte) bool {
	dashes := min(skip(b, 0, hyphens), 2)
	name, given, assigned := bytes.Cut(b[dashes:], []byte{'='})
	if len(name) == 0 {
		return false
	}
	p := c.program
	if after := p.becomes(b); after != nil {
		c.is(after)
		return false
	}
	c.reads = c.reads || inputOptions.has(b) || inputOptions.has(b[:dashes+len(name)])
	e, value := "", []byte(nil)
	if dashes == 1 && !p.is("single") {
		e, value = c.letters(b)
	}
	if e == "" {
		if e = p.long[string(name)]; assigned && e != "" && e != "input" {
			value, c.ordinary = given, c.index(given)-1
		}
	}
	switch {
	case e == "input":
		c.reads = true
	case value != nil:
		if n := len(value) - 1; n > 0 && quotes[value[0]] && closing(value, 0) == n {
			value = value[1:n]
		}
		c.strong = certain
		c.given(e, value)
		return e == "code" || e == "words"
	case e == "flags":
	case e != "":
		c.next, c.strong = e, certain
	case assigned:
	case sentenceOptions.has(name):
		c.next = "sentence"
	default:
		c.unclear, c.form = dashes == 2, formOf(name)
		c.expectNamed(name)
	}
	return false
}

// letters returns what the program says of short options in one word, the last perhaps with its value.
func (c *command) letters(b []byte) (e string, value []byte) {
	for i := 1; i < len(b); i++ {
		e = c.program.short[b[i]]
		switch rest := b[i+1:]; {
		case e == "":
			return "", nil
		case e == "input":
			c.reads = true
		case e == "flags":
		case len(rest) > 0 && e != "attached":
			return e, bytes.TrimPrefix(rest, []byte("="))
		case len(rest) > 0:
			return e, rest
		case e != "attached":
			return e, nil
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

// optionLike reports whether a word in place of a secret is an option: the program asks for the secret.
func optionLike(b []byte) bool {
	const longest = 40
	end := skip(b, 0, optionChars)
	return len(b) > 1 && b[0] == '-' && end <= longest && (end == len(b) || b[end] == '=')
}

// positional is a word that is neither an option nor, as far as that is clear, an option's value.
func (c *command) positional(b []byte, unclear bool) {
	c.code = c.code || c.remote
	p := c.program
	if after := p.becomes(b); after != nil {
		c.is(after)
		return
	}
	if p.wraps != 0 && !assigns(b) {
		inner := programOf(b)
		switch {
		case p.wraps == anywhere && inner != unknown, p.wraps > 0 && c.skip <= 0 && (inner != unknown || !unclear):
			c.is(inner)
			return
		case p.wraps > 0 && unclear:
			return
		}
		c.skip--
	}
	for i, place := range p.places {
		c.place(&c.at[i], place, b)
	}
	switch {
	case len(b) < 2:
	case strings.IndexByte(p.marks, b[0]) >= 0:
		c.mask(b[1:])
	case p.slash.words != nil && b[0] == '/':
		c.slash(p, b)
	case p.is("oracle"):
		c.oracle(b)
	case p.is("names") && isName(b):
		c.expectNamed(b)
	}
}

// place masks an argument that is a secret by the order of arguments, of which at were there.
func (c *command) place(at *int, place []string, b []byte) {
	floats := place[0] == "..."
	if floats {
		place = place[1:]
	}
	switch {
	case *at >= len(place):
	case place[*at] == "SECRET":
		c.maskValue(certain, b, c.depth > 0)
		*at++
	case fits(place[*at], b):
		*at++
	case !floats:
		*at = len(place)
	case fits(place[0], b):
		*at = 1
	default:
		*at = 0
	}
}

// fits reports whether an argument is a word, or where that ends with "*", begins with it.
func fits(word string, b []byte) bool {
	prefix, begins := strings.CutSuffix(word, "*")
	if begins {
		b = b[:min(len(b), len(prefix))]
	}
	return strings.EqualFold(prefix, string(b))
}

// slash masks the password in /name:password and in /name:name:value,name:password.
func (c *command) slash(p *program, b []byte) {
	for i := 1; i < len(b); {
		end := skip(b, i, nameChars)
		if at(b, end) != ':' {
			return
		}
		stop := end + 1
		for stop < len(b) && !(b[stop] == ',' && slashName(b[stop+1:])) {
			stop++
		}
		name, first := b[i:end], i == 1
		i = stop + 1
		switch {
		case p.slash.has(name), strengthOf(name) > vague:
			if first {
				stop = len(b)
			}
			c.mask(b[end+1 : stop])
			i = stop + 1
		case first && slashName(b[end+1:]):
			i = end + 1
		}
	}
}

// slashName reports whether text begins with name: .
func slashName(text []byte) bool {
	end := skipFew(text, 0, nameChars, maxName)
	return end > 0 && at(text, end) == ':'
}

// oracle masks the password of user/password@database.
func (c *command) oracle(b []byte) {
	login := b[bytes.IndexByte(b, '=')+1:]
	slash := bytes.IndexByte(login, '/')
	if slash <= 0 || b[0] == '@' {
		return
	}
	password := login[slash+1:]
	if at := bytes.LastIndexByte(password, '@'); at >= 0 {
		password = password[:at]
	}
	c.mask(password)
}

// isName reports whether an argument names a setting, and is no command such as set-password.
func isName(b []byte) bool {
	last := b[bytes.LastIndexByte(b, '/')+1:]
	switch {
	case len(last) < len(b), bytes.ContainsAny(b, ".:"):
		return strengthOf(last) > vague
	case settings.has(b):
		return true
	case bytes.ContainsAny(b, "=-"):
		return false
	}
	for i, c := range b {
		if c == '_' || i > 0 && capitals[c] && !capitals[b[i-1]] {
			return true
		}
	}
	return false
}

// assigns reports whether a word is NAME=value.
func assigns(b []byte) bool {
	end := skip(b, 0, identifiers)
	return end > 0 && at(b, end) == '='
}

// How an option's name=value is written.
const (
	anyForm   = iota
	wholeForm // the value is all the rest
	listForm  // name=value,name=value
	fileForm  // the value is a file's name
)

var forms = [...]*list{wholeForm: wordList("whole"), listForm: wordList("lists"), fileForm: wordList("files")}

// formOf says how the value of an option is written.
func formOf(option []byte) int {
	return max(anyForm, slices.IndexFunc(forms[:], func(l *list) bool { return l != nil && l.has(option) }))
}

var leadingChars = chars(alnum + "_-.[]/:")

// leading is name=value that begins a word, with or without dashes before, or
// --option=name=value. The value is all the rest, unless another name follows.
func (c *command) leading(b []byte, f int) {
	const levels = 3
	dashes := skip(b, 0, hyphens)
	name := b[dashes:]
	for level := range levels {
		end := skipFew(name, 0, leadingChars, maxKey)
		if end == 0 || at(name, end) != '=' {
			return
		}
		rest := name[end+1:]
		name = name[:end]
		if startsWith(rest, "=") || name[end-1] == ':' {
			return // a comparison, or a program's text
		}
		if f == fileForm {
			c.ordinary = c.index(rest) - 1
			return
		}
		strong := strengthOf(name)
		if level == 0 && dashes == 1 {
			strong = max(strong, strengthOf(name[1:])) // -Dname=, -Pname=
		}
		option := level == 0 && dashes > 0
		if c.program.is("values") && !option && !publicNames.has(name) && !startsWith(rest, "@") {
			strong = max(strong, likely)
		}
		c.listed = c.listed || f == listForm
		if strong > vague {
			if f == listForm || !option && c.depth == 0 && f != wholeForm && has(name, smalls) {
				rest = rest[:listEnd(rest, 0, f == listForm || level > 0)]
			}
			c.assigned(rest, strong)
			return
		}
		if level == 0 {
			f = max(f, formOf(name))
		}
		if name = rest; quotes[at(rest, 0)] {
			name = rest[1:closing(rest, 0)]
		}
	}
}

// assigned masks a value, inside of its quotes.
func (c *command) assigned(value []byte, strong strength) {
	if quotes[at(value, 0)] {
		if end := closing(value, 0); !alnums[at(value, end+1)] {
			value = value[1:end]
		}
	}
	c.maskValue(strong, value, c.depth > 0)
}
