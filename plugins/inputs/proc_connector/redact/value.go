package redact

// A memo remembers where something ends, so that no byte is looked at twice for
// that. It holds only for ends that are the same from everywhere before.
type memo struct{ from, end int }

func (m *memo) find(b []byte, i int, end func([]byte, int) int) int {
	if i < m.from || i >= m.end {
		m.from, m.end = i, end(b, i)
	}
	return m.end
}

// value returns where a value begins and ends that is not the rest of its
// argument for sure. In a query it is what may be in one.
func (s *scanner) value(v int, query bool) (start, end int) {
	b := s.b
	if query || s.inAddress(v) {
		return v, s.queries.find(b, v, queryEnd)
	}
	if s.listed {
		return v, s.lists.find(b, v, func(b []byte, i int) int { return listEnd(b, i, true) })
	}
	q := v
	for q < len(b) && q < v+2 && alpha(b[q]) {
		q++ // Python's b"", rb""
	}
	if q < len(b) && b[q] == '$' {
		q++ // bash's $''
	}
	q = until(b, q, func(c byte) bool { return c != '\\' })
	if q < len(b) && quote(b[q]) {
		if end = closing(b, q); end < len(b) || !s.code {
			return q + 1, end
		}
	}
	if s.code {
		return v, s.bares.find(b, v, statementEnd)
	}
	return v, s.bares.find(b, v, bareEnd)
}

// queryEnd returns where the value of a name in an address ends.
func queryEnd(b []byte, i int) int {
	return until(b, i, func(c byte) bool {
		return blank(c) || quote(c) || c == '&' || c == '#' || c == ';' || c == '?' || c == '\\'
	})
}

// statementEnd is bareEnd in code, where another command may follow.
func statementEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '&' || c == '|':
			return i
		case c == '\\' && i+1 < len(b):
			i++
		case bareEnds(b, i):
			return i
		}
	}
	return min(i, len(b))
}

// inAddress reports whether i is in an address.
func (s *scanner) inAddress(i int) bool {
	return s.addressEnd > i
}

// closing returns where the string ends that begins with the quote at q. One
// that begins with \" ends with \".
func closing(b []byte, q int) int {
	escaped := q > 0 && b[q-1] == '\\'
	for i := q + 1; i < len(b); i++ {
		switch b[i] {
		case b[q]:
			return i
		case '\\':
			if escaped {
				return i
			}
			i++
		}
	}
	return len(b)
}

// bareEnd returns where a value without quotes ends. Punctuation is part of it
// unless another name follows.
func bareEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch {
		case bareEnds(b, i):
			return i
		case b[i] == '\\':
			i++
		}
	}
	return min(i, len(b))
}

// bareEnds reports whether a value without quotes ends before i.
func bareEnds(b []byte, i int) bool {
	next := byte(0)
	if i+1 < len(b) {
		next = b[i+1]
	}
	switch c := b[i]; c {
	case '\\':
		return quote(next)
	case '&':
		return i+1 == len(b) || next == '&' || blank(next) || nameFollows(b, i+1)
	case ',':
		return quote(next) || nameFollows(b, i+1)
	case '}', ']':
		return next == ',' || next == '}'
	default:
		return blank(c) || quote(c) || c == ';'
	}
}

// nameFollows reports whether the text at i is name= or name: .
func nameFollows(b []byte, i int) bool {
	for blanks := 0; i < len(b) && blank(b[i]) && blanks < maxBlanks; blanks++ {
		i++
	}
	end := i
	for end < len(b) && end-i < maxName && nameByte(b[end]) {
		end++
	}
	return end > i && end < len(b) && (b[end] == '=' || b[end] == ':' && end+1 < len(b) && b[end+1] == ' ')
}
