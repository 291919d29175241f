package redact

import "bytes"

// token returns where the token ends that begins at i, or i.
func (s *scanner) token(i int) int {
	const maxMixed = 48 // looked at to tell whether it is mixed
	b := s.arg[i:]
	for _, shape := range shapesBy[b[0]] {
		if len(b) <= len(shape.prefix) || b[1] != shape.prefix[1] || !startsWith(b, shape.prefix) {
			continue
		}
		start := i + len(shape.prefix)
		end := s.end(shape.kind, start)
		known := end-start >= shape.least || s.cut && end == len(s.arg) && len(shape.prefix) > 3
		if known && (!shape.mixed || mixed(s.arg[start:min(end, start+maxMixed)])) {
			s.awsKey = s.awsKey || shape.least == 16 && shape.prefix[0] == 'A'
			return end
		}
	}
	return i
}

const pemEnd = "-----END"

var pemChars, pemHeaderChars = chars(alnum + "+/=" + blank), chars(alnum + "-,. ")

// privateKey masks the private key whose first line begins at i: in PEM form it is base64 between two lines. What
// is none is shown, since a command could hide behind the first line otherwise.
func (s *scanner) privateKey(i int) {
	const begin, dashes, longest = "-----BEGIN ", "-----", 64
	b := s.arg
	if !startsWith(b[i:], begin) {
		return
	}
	i += len(begin)
	s.next = i
	head := b[i:min(len(b), i+longest)]
	end := find(head, 0, dashes)
	if end == len(head) || !bytes.Contains(head[:end], []byte("PRIVATE KEY")) {
		return
	}
	start := i + end + len(dashes)
	stop := skip(b, start, pemChars)
	if !startsWith(b[stop:], pemEnd) {
		stop = s.keyLines(start)
	}
	s.hide(start, stop)
}

// keyLines returns where a private key ends of which a part is missing, or whose line breaks are written in some
// other way.
func (s *scanner) keyLines(start int) (stop int) {
	const longest = 80 // of the headers, as in -----BEGIN RSA PRIVATE KEY----- Proc-Type: 4,ENCRYPTED
	b, at := s.arg, pemBlanks(s.arg, start)
	for _, header := range [...]string{"Proc-Type: ", "DEK-Info: ", "Version: "} {
		if startsWith(b[at:], header) {
			at = pemBlanks(b, skip(b[:min(len(b), at+longest)], at+len(header), pemHeaderChars))
		}
	}
	for stop = start; at < len(b); {
		if startsWith(b[at:], pemEnd) {
			return at
		}
		end := skip(b, at, base64Chars)
		rest := pemBlanks(b, end)
		last := end == len(b) && s.cut || startsWith(b[rest:], pemEnd)
		if !last && (rest == end && end < len(b) && !quotes[b[end]] || !keyWord(b[at:end], stop == start)) {
			break
		}
		stop, at = end, rest
	}
	return stop
}

// pemBlanks skips blanks and line breaks, also those that are written as \n.
func pemBlanks(b []byte, i int) int {
	for i = skip(b, i, blanks); startsWith(b[i:], `\n`) || startsWith(b[i:], `\r`); {
		i = skip(b, i+2, blanks)
	}
	return i
}

// keyWord reports whether a word looks like a line of a key in base64, and not like one of a command. The first
// line of a key is none of its shorter ones.
func keyWord(b []byte, first bool) bool {
	const sure, usual = 40, 12
	return len(b) >= sure ||
		len(b) > 0 && b[0] != '/' && (mixed(b) || b[len(b)-1] == '=') && (!first || len(b) >= usual)
}

// splitKeyWord masks an argument, and says so, when it is part of a private key that a shell has split into words,
// as in $(cat key.pem) without quotes.
func (r *Redactor) splitKeyWord(arg []byte) bool {
	switch {
	case r.key == "" && string(arg) == "-----BEGIN":
		r.key = "begin"
	case r.key == "begin" && string(arg) == "PRIVATE":
		r.key = "private"
	case r.key == "begin" && bytes.HasSuffix(arg, []byte("-----")):
		r.key = ""
	case r.key == "private":
		r.key = "first line"
	case r.key == "", r.key == "begin":
	case only(arg, base64Chars) && (keyWord(arg, r.key == "first line") || r.cut):
		r.mask(arg)
		r.key = "line"
		return true
	default:
		r.key = ""
	}
	return false
}
