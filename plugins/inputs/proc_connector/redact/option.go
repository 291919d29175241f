package redact

import "bytes"

var inputOptions, sentenceOptions = wordList("input"), wordList("sentences")

// option is a word that begins with a dash. It reports whether there is nothing
// more in it.
func (r *Redactor) option(c *command, b []byte, off, depth int) bool {
	dashes := 1
	if b[1] == '-' {
		dashes = 2
	}
	name, _, assigned := bytes.Cut(b[dashes:], []byte{'='})
	if len(name) == 0 {
		return false
	}
	p := c.program
	if p != nil && p.after[string(b)] != nil {
		c.is(p.after[string(b)])
		return false
	}
	c.reads = c.reads || inputOptions.has(b) || inputOptions.has(b[:dashes+len(name)])
	if dashes == 1 && !p.has(single) && p != nil {
		if is, done := r.cluster(c, b, off, depth); is {
			return done
		}
	}
	e := nothing
	if p != nil {
		e = p.long[string(name)]
	}
	switch e {
	case nothing:
	case input:
		c.reads = true
		return false
	default:
		c.expect(e, certain)
		if assigned {
			v := dashes + len(name) + 1
			r.ordinary = off + v - 1
			c.next = nothing
			return r.inWord(c, e, b[v:], off+v, depth)
		}
		return false
	}
	if assigned || dashes == 1 && len(name) < 3 && string(name) != "pw" {
		return false
	}
	if sentenceOptions.has(name) {
		c.next = sentence
		return false
	}
	c.unclear = dashes == 2
	c.form = formOf(name)
	if s := strengthOf(name); s > vague {
		c.expect(secret, s)
	}
	return false
}

// inWord is an option's value that is in the same word. It reports whether that
// was all.
func (r *Redactor) inWord(c *command, e expectation, b []byte, off, depth int) bool {
	if len(b) > 1 && quote(b[0]) && closing(b, 0) == len(b)-1 {
		b, off = b[1:len(b)-1], off+1
	}
	c.strong = certain
	r.given(c, e, b, off, depth)
	return e == code || e == ownWord
}

// cluster is short options in one word, the last of which may have its value
// attached. It reports whether the program has such an option, and whether there
// is nothing more in the word.
func (r *Redactor) cluster(c *command, b []byte, off, depth int) (is, done bool) {
	for i := 1; i < len(b); i++ {
		e := c.program.shortOption(b[i])
		switch e {
		case nothing:
			return false, false
		case input:
			c.reads = true
			fallthrough
		case flag:
			continue
		}
		rest := b[i+1:]
		switch {
		case len(rest) == 0 && e != attached:
			c.expect(e, certain)
		case len(rest) > 0:
			if rest[0] == '=' && e != attached {
				i, rest = i+1, rest[1:]
			}
			done = r.inWord(c, e, rest, off+i+1, depth)
		}
		return true, done
	}
	return true, false
}

// pair masks the password of user:password.
func (r *Redactor) pair(c *command, b []byte, off int) {
	sep := byte(':')
	if c.program != nil && c.program.separator != 0 {
		sep = c.program.separator
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
