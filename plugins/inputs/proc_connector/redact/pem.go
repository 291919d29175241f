package redact

import "bytes"

// A private key in PEM form is base64 between two lines. What is none is shown,
// since a command could hide behind the first line otherwise.

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END"
)

// privateKey masks the private key whose first line begins at i.
func (s *scanner) privateKey(i int) int {
	const most = 64
	b := s.b
	if !bytes.HasPrefix(b[i:], []byte(pemBegin)) {
		return i + 1
	}
	i += len(pemBegin)
	head := b[i:min(len(b), i+most)]
	n := bytes.Index(head, []byte("-----"))
	if n < 0 || !bytes.Contains(head[:n], []byte("PRIVATE KEY")) {
		return i
	}
	start := i + n + len("-----")
	stop, first := start, true
	if end := until(b, start, func(c byte) bool { return !base64Only(c) && !blank(c) }); bytes.HasPrefix(b[end:], []byte(pemEnd)) {
		s.mask(start, end)
		return end
	}
	for at := pemHeaders(b, start); at < len(b); {
		end := until(b, at, func(c byte) bool { return !base64Only(c) })
		if bytes.HasPrefix(b[at:], []byte(pemEnd)) {
			stop = at
			break
		}
		rest := pemBlanks(b, end)
		last := end == len(b) && s.cut || bytes.HasPrefix(b[rest:], []byte(pemEnd))
		switch {
		case end == at, rest == end && end < len(b) && !quote(b[end]) && !last, !last && !keyWord(b[at:end], first):
			at = len(b)
		default:
			stop, at, first = end, rest, false
		}
	}
	s.mask(start, stop)
	return stop
}

// pemHeaders skips the lines before the key, as in -----BEGIN RSA PRIVATE KEY-----
// Proc-Type: 4,ENCRYPTED.
func pemHeaders(b []byte, i int) int {
	i = pemBlanks(b, i)
	for _, header := range [...]string{"Proc-Type: ", "DEK-Info: ", "Version: "} {
		if bytes.HasPrefix(b[i:], []byte(header)) {
			const longest = 80
			end := min(len(b), i+longest)
			i = until(b[:end], i+len(header), func(c byte) bool { return !alnum(c) && c != '-' && c != ',' && c != '.' && c != ' ' })
			i = pemBlanks(b, i)
		}
	}
	return i
}

// pemBlanks skips blanks and line breaks, also those that are written as \n.
func pemBlanks(b []byte, i int) int {
	for i < len(b) {
		switch {
		case blank(b[i]):
			i++
		case b[i] == '\\' && i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == 'r'):
			i += 2
		default:
			return i
		}
	}
	return i
}

func base64Only(c byte) bool { return alnum(c) || c == '+' || c == '/' || c == '=' }

// keyWord reports whether a word looks like a line of a key in base64, and not
// like one of a command. The first line of a key is none of its shorter ones.
func keyWord(b []byte, first bool) bool {
	const sure, usual = 40, 12
	if len(b) >= sure {
		return true
	}
	return len(b) > 0 && b[0] != '/' && (mixed(b) || b[len(b)-1] == '=') && (!first || len(b) >= usual)
}

// A splitKey follows a private key that a shell has split into words, as in
// $(cat key.pem) without quotes.
type splitKey int

const (
	noKey splitKey = iota
	keyBegin
	keyPrivate
	keyFirst
	keyBody
)

// next masks arg, and says so, when it is part of such a key.
func (k *splitKey) next(r *Redactor, arg []byte) bool {
	switch *k {
	case noKey:
		if string(arg) == "-----BEGIN" {
			*k = keyBegin
		}
	case keyBegin:
		switch {
		case string(arg) == "PRIVATE":
			*k = keyPrivate
		case bytes.HasSuffix(arg, []byte("-----")):
			*k = noKey
		}
	case keyPrivate:
		*k = keyFirst
	case keyFirst, keyBody:
		base64 := until(arg, 0, func(c byte) bool { return !base64Only(c) }) == len(arg)
		if base64 && (string(arg) == Mask || keyWord(arg, *k == keyFirst) || r.cut) {
			*k = keyBody
			r.mask(0, len(arg))
			return true
		}
		*k = noKey
	}
	return false
}
