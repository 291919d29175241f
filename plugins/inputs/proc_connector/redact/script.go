package redact

import "bytes"

// maxDepth is how far quotes within quotes are followed.
const maxDepth = 3

// piped is what echo writes, until it is known who reads it.
type piped struct {
	start, end int
	reader     bool // the command at hand is behind the pipe
}

// script takes an argument for what a shell would run, and its words for
// arguments. Text that is none has few words that mean something here.
func (r *Redactor) script(b []byte, off, depth int) {
	var c command
	before := r.echoed
	r.echoed = piped{}
	defer func() { r.echoed = before }()
	for i := 0; i < len(b); {
		switch ch := b[i]; {
		case ch == '\n' || ch == ';' || ch == '&' || ch == '(' || ch == ')' || ch == '`' || ch == '|':
			// Only what stands before a single "|" is read by what stands behind.
			pipe := ch == '|' && r.echoed.end > 0 && !r.echoed.reader && !(i+1 < len(b) && b[i+1] == '|')
			if !pipe {
				r.echoed = piped{}
			}
			r.echoed.reader = pipe
			c = command{}
			i++
		case blank(ch) || ch == '>':
			i++
		case ch == '<':
			here := bytes.HasPrefix(b[i:], []byte("<<<"))
			i = until(b, i, func(c byte) bool { return c != '<' })
			if here && c.program.readsSecret() {
				i = skipBlanks(b, i)
				end := wordEnd(b, i)
				r.mask(off+i, off+end)
				i = end
			}
		case ch == '$' && i+1 < len(b) && b[i+1] == '(':
			i++
		default:
			end := wordEnd(b, i)
			r.scriptWord(&c, b, i, end, off, depth)
			i = end
		}
	}
}

func (r *Redactor) scriptWord(c *command, b []byte, start, end, off, depth int) {
	first, last := start, end
	if q := b[start]; end-start > 1 && (q == '"' || q == '\'') && b[end-1] == q && bytes.IndexByte(b[start+1:end-1], q) < 0 {
		first, last = start+1, end-1
	}
	w := b[first:last]
	echo := c.named && c.program.writes()
	r.word(c, w, off+first, depth)
	switch {
	case echo && (len(w) == 0 || w[0] != '-'):
		if r.echoed.end == 0 {
			r.echoed.start = off + start
		}
		r.echoed.end = off + end
		if reference(b[start:end]) && r.echoed.start == off+start {
			r.echoed = piped{}
		}
	case r.echoed.reader && (c.program.readsSecret() || in(readers, w)):
		r.mask(r.echoed.start, r.echoed.end)
	}
}

// readers are options by which a program reads a secret from its input.
var readers = setOf("--password-stdin", "--stdin", "--passphrase-fd", "--pass-stdin", "--token-stdin", "--with-token", "-S", "--key-file=-")

// wordEnd returns where a shell's word ends.
func wordEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; c {
		case '\\':
			i++
		case '\'':
			i = until(b, i+1, func(c byte) bool { return c == '\'' })
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case ' ', '\t', '\n', '\r', ';', '&', '|', '(', ')', '<', '>', '`':
			return i
		case '$':
			if i+1 < len(b) && b[i+1] == '(' {
				return i
			}
		}
	}
	return min(i, len(b))
}
