package redact

import (
	"bytes"
	"slices"
	"strings"
)

// positional is a word that is neither an option nor, as far as that is clear, an option's value.
func (c *command) positional(b []byte, unclear bool) {
	c.code = c.code || c.remote
	p := c.program
	if p.wraps != 0 && !assigns(b) {
		inner := programOf(b)
		switch {
		case c.skip <= 0 && (inner != unknown || p.wraps > 0 && !unclear):
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
	if prefix, begins := strings.CutSuffix(word, "*"); begins {
		return startsFold(b, prefix)
	}
	return strings.EqualFold(word, string(b))
}

// slash masks the password in /name:password and in /name:name:value,name:password.
func (c *command) slash(p *program, b []byte) {
	for i := 1; i < len(b); {
		end := skip(b, i, nameChars)
		if char(b, end) != ':' {
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
		case first && slashName(b[end+1:]):
			i = end + 1
		}
	}
}

// slashName reports whether text begins with name: .
func slashName(text []byte) bool {
	end := skipFew(text, 0, nameChars, maxName)
	return end > 0 && char(text, end) == ':'
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
	switch {
	case bytes.ContainsAny(b, "/.:"):
		return strengthOf(b[bytes.LastIndexByte(b, '/')+1:]) > vague
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
	return end > 0 && char(b, end) == '='
}

// How an option's name=value is written.
const (
	anyForm   = iota - 1
	wholeForm // the value is all the rest
	listForm  // name=value,name=value
	fileForm  // the value is a file's name
)

var forms = []*list{wholeForm: words["whole"], listForm: words["lists"], fileForm: words["files"]}

// formOf says how the value of an option is written.
func formOf(option []byte) int {
	return slices.IndexFunc(forms, func(l *list) bool { return l.has(option) })
}

var leadingChars = chars(alnum + "_-.[]/:")

// leading is name=value that begins a word, with or without dashes before, or
// --option=name=value. The value is all the rest, unless another name follows.
func (c *command) leading(b []byte, form int) {
	const levels = 3
	dashes := skip(b, 0, hyphens)
	name := b[dashes:]
	for level := range levels {
		end := skipFew(name, 0, leadingChars, maxKey)
		if end == 0 || char(name, end) != '=' || char(name, end+1) == '=' || name[end-1] == ':' {
			return // also of a comparison, or a program's text
		}
		var value []byte
		name, value = name[:end], name[end+1:]
		if form == fileForm {
			c.ordinary = c.index(value) - 1
			return
		}
		strong := strengthOf(name)
		if level == 0 && dashes == 1 {
			strong = max(strong, strengthOf(name[1:])) // -Dname=, -Pname=
		}
		option := level == 0 && dashes > 0
		if c.program.is("values") && !option && !publicNames.has(name) && !startsWith(value, "@") {
			strong = max(strong, likely)
		}
		quoted := quotes[char(value, 0)]
		c.listed = c.listed || form == listForm
		if strong > vague {
			if form == listForm || !option && c.depth == 0 && form != wholeForm && has(name, smalls) {
				between := pairSeparators
				if form == listForm || level > 0 {
					between = itemSeparators
				}
				value = value[:listEnd(value, 0, between)]
			}
			if quoted {
				if end := closing(value, 0); !alnums[char(value, end+1)] {
					value = value[1:end]
				}
			}
			c.maskValue(strong, value, c.depth > 0)
			return
		}
		if level == 0 {
			form = max(form, formOf(name))
		}
		if name = value; quoted {
			name = value[1:closing(value, 0)]
		}
	}
}
