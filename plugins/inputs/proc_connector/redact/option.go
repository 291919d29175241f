package redact

import "bytes"

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
	c.unclear = dashes == 2
	if s := strengthOf(name); s > vague {
		c.expect(secret, s)
	}
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
