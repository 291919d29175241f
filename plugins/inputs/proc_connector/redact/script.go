package redact

import "bytes"

// maxDepth is how far quotes within quotes are followed.
const maxDepth = 3

var separators = chars("\n;&()`|")

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
		case blanks[ch], ch == '>', startsWith(b[i:], "$("):
			i++
		case ch == '<':
			here := startsWith(b[i:], "<<<")
			if i = skip(b, i, lessThan); here {
				i = skip(b, i, blanks)
				end := shellWordEnd(b, i)
				if fed = b[i:end]; reference(fed) {
					fed = nil
				}
				i = end
			}
		default:
			end := shellWordEnd(b, i)
			echo := c.program.is("writes")
			word := unquoted(b[i:end])
			c.word(word)
			switch {
			case !echo || startsWith(word, "-"):
			case written != nil:
				written = b[from:end]
			case !reference(b[i:end]):
				written, from = b[i:end], i
			}
			i = end
		}
		if c.reads && fed != nil {
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

var (
	lessThan      = chars("<")
	shellWordEnds = chars(blank + ";&|()<>`")
)

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
