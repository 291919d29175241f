package redact

import "bytes"

// positional is a word that is neither an option nor an option's value, as far as
// that is clear.
func (r *Redactor) positional(c *command, b []byte, off int, unclear bool) {
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
	if p.slash && len(b) > 0 && b[0] == '/' {
		if i := bytes.IndexByte(b, ':'); i > 0 && (i == 2 && b[1] == 'p' || strengthOf(b[1:i]) > vague) {
			r.mask(off+i+1, off+len(b))
		}
	}
	if p.oracle {
		r.oracle(b, off)
	}
	if p.names {
		if s := strengthOf(b); s > vague && isName(b) {
			c.expect(secret, s)
		}
	}
}

// place masks an argument that is a secret by the order of arguments.
func (r *Redactor) place(c *command, b []byte, off int) {
	for i, place := range c.program.places {
		bit := uint32(1) << i
		switch {
		case c.matched&bit == 0:
		case c.args >= len(place):
			c.matched &^= bit
		case place[c.args] == "!":
			if secretValue(certain, b) {
				r.mask(off, off+len(b))
			}
		case place[c.args] != "*" && place[c.args] != string(b):
			c.matched &^= bit
		}
	}
	c.args++
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
