package redact

import "bytes"

// maxDepth is how far quotes within quotes are followed.
const maxDepth = 3

// script takes an argument for what a shell would run, and its words for
// arguments. Text that is none has few words that mean something here.
func (r *Redactor) script(b []byte, off, depth int) {
	if depth > maxDepth {
		return
	}
	var c command
	var written, fed span // what the command at hand writes, and what it gets to read
	for i := 0; i < len(b); {
		switch ch := b[i]; {
		case ch == '\n' || ch == ';' || ch == '&' || ch == '(' || ch == ')' || ch == '`' || ch == '|':
			fed = span{}
			if ch == '|' && !(i+1 < len(b) && b[i+1] == '|') {
				fed = written
			}
			c, written = command{}, span{}
			i++
		case blank(ch) || ch == '>':
			i++
		case ch == '<':
			here := bytes.HasPrefix(b[i:], []byte("<<<"))
			i = until(b, i, func(c byte) bool { return c != '<' })
			if here {
				i = skipBlanks(b, i)
				end := wordEnd(b, i)
				if fed = (span{off + i, off + end}); reference(b[i:end]) {
					fed = span{}
				}
				i = end
			}
		case ch == '$' && i+1 < len(b) && b[i+1] == '(':
			i++
		default:
			end := wordEnd(b, i)
			first, last := unquoted(b, i, end)
			echo := c.named && c.program.has(writes)
			r.word(&c, b[first:last], off+first, depth)
			switch {
			case !echo || last > first && b[first] == '-':
			case written.end > 0:
				written.end = off + end
			case !reference(b[i:end]):
				written = span{off + i, off + end}
			}
			i = end
		}
		if c.reads && fed.end > 0 {
			r.mask(fed.start, fed.end)
			fed = span{}
		}
	}
}

// unquoted returns where a word is that may be in quotes.
func unquoted(b []byte, start, end int) (first, last int) {
	if q := b[start]; end-start > 1 && (q == '"' || q == '\'') && b[end-1] == q && bytes.IndexByte(b[start+1:end-1], q) < 0 {
		return start + 1, end - 1
	}
	return start, end
}

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
