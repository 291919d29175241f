package redact

import (
	"bytes"
	"strings"
)

// positional is a word that is neither an option nor an option's value, as far as
// that is clear.
func (r *Redactor) positional(c *command, b []byte, off int, unclear bool) {
	r.code = r.code || c.remote
	p := c.program
	if p == nil {
		return
	}
	if after := p.after[string(b)]; after != nil {
		c.is(after)
		return
	}
	if c.wraps && !assigns(b) {
		switch inner := programOf(b); {
		case inner != nil && (c.skip <= 0 || p.wraps == anywhere):
			c.is(inner)
			return
		case p.wraps == anywhere:
		case unclear:
			return
		case c.skip <= 0:
			c.is(nil)
			return
		default:
			c.skip--
		}
	}
	r.place(c, b, off)
	switch {
	case len(b) < 2:
	case strings.IndexByte(p.marks, b[0]) >= 0:
		r.mask(off+1, off+len(b))
	case p.slash != nil && b[0] == '/':
		r.slash(p, b, off)
	case p.has(oracle):
		r.oracle(b, off)
	case p.has(names):
		if s := strengthOf(b); s > vague && isName(b) {
			c.expect(secret, s)
		}
	}
}

// place masks an argument that is a secret by the order of arguments.
func (r *Redactor) place(c *command, b []byte, off int) {
	const dead = maxPlaces * 8
	for i, place := range c.program.places {
		floats := place[0] == "..."
		if floats {
			place = place[1:]
		}
		at := &c.at[i]
		switch {
		case int(*at) >= len(place):
			continue
		case place[*at] == "SECRET":
			if secretValue(certain, b) && !(c.shell && reference(b)) {
				r.mask(off, off+len(b))
			}
			*at++
		case fits(place[*at], b):
			*at++
		case !floats:
			*at = dead
		case fits(place[0], b):
			*at = 1
		default:
			*at = 0
		}
	}
}

// fits reports whether an argument is a word, in capital or small letters, or
// begins with it where that ends with a "*".
func fits(word string, b []byte) bool {
	prefix, begins := strings.CutSuffix(word, "*")
	if begins && len(b) > len(prefix) {
		b = b[:len(prefix)]
	}
	return strings.EqualFold(prefix, string(b))
}

// slash masks the password in /name:password and in /name:name:value,name:password.
func (r *Redactor) slash(p *program, b []byte, off int) {
	for i := 1; i < len(b); {
		end := until(b, i, func(c byte) bool { return !nameByte(c) })
		if end == len(b) || b[end] != ':' {
			return
		}
		stop := end + 1
		for stop < len(b) && !(b[stop] == ',' && slashName(b, stop+1)) {
			stop++
		}
		switch name := b[i:end]; {
		case p.slash[string(name)], strengthOf(name) > vague:
			if i == 1 {
				stop = len(b)
			}
			r.mask(off+end+1, off+stop)
			i = stop + 1
		case i == 1 && slashName(b, end+1):
			i = end + 1
		default:
			i = stop + 1
		}
	}
}

// slashName reports whether the text at i is name: .
func slashName(b []byte, i int) bool {
	end := i
	for end < len(b) && end-i < maxName && nameByte(b[end]) {
		end++
	}
	return end > i && end < len(b) && b[end] == ':'
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

var settings = wordList("settings")

// isName reports whether an argument is the name of a setting: those that are
// commands, such as set-password, are not.
func isName(b []byte) bool {
	last := b[bytes.LastIndexByte(b, '/')+1:]
	switch {
	case len(last) < len(b), bytes.ContainsAny(b, ".:"):
		return strengthOf(last) > vague
	case settings.has(b):
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
