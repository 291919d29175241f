package redact

import "bytes"

// strength is how surely a name is that of a secret.
type strength int

const (
	harmless strength = iota
	vague             // if the value looks random
	likely            // unless the value is a path
	certain
)

// strengthOf says whether something of this name is a secret.
func strengthOf(text []byte) strength {
	text = text[max(0, len(text)-maxName):]
	if !hasStem(text) {
		return harmless
	}
	const tellingWords = 3 // at its end: the "token" in -Wno-compound-token-split-by-macro is none
	var buffer [2 * maxName]byte
	name := split(buffer[:0], text)
	upper := !has(text, smalls) // an environment variable's, as most are written
	rest, last := cutLast(name)
	_, before := cutLast(rest)
	first := rest[:until(rest, 0, hyphens)]
	switch {
	case len(rest) > 0 && (!upper && negations.has(first) || numbers.has(first) || numbers.has(before)),
		unrelated.has(last) && !bytes.HasSuffix(text, []byte("secret_id")) && !bytes.HasSuffix(text, []byte("SECRET_ID")),
		string(last) == "hash" && string(before) == "cert", string(last) == "token" && plainTokens.has(before):
		return harmless
	case string(text) == "_auth", string(text) == "--_auth": // of npm
		return certain
	case string(last) == "pat" && len(rest) > 0: // a personal access token
		return likely
	}
	best := strengthOfLast(last, before, upper)
	for range tellingWords {
		switch name, last = cutLast(name); {
		case best == certain, !hasStem(last), aboutWords.has(last):
		case certainWords.has(last):
			best = certain
		case likelyWords.has(last):
			best = likely
		}
	}
	return best
}

// strengthOfLast is about words that tell only at the end of a name.
func strengthOfLast(last, before []byte, upper bool) strength {
	isKey := string(last) == "key"
	switch {
	case certainLast.has(last), isKey && keyKinds.has(before):
		return certain
	case vagueLast.has(last), isKey && len(before) == 0:
		return vague
	case likelyLast.has(last), isKey && (keyFiles.has(before) || upper && !plainKeys.has(before)):
		return likely
	}
	return harmless
}

// split appends the words of a name to n, in small letters, with "-" between them, without numbers at their ends.
func split(n, text []byte) []byte {
	for i, c := range text {
		// At punctuation, and where capitals begin.
		if !alnums[c] || i > 0 && capitals[c] && (!capitals[text[i-1]] || i+1 < len(text) && smalls[text[i+1]]) {
			n = n[:back(n, len(n), digits, maxName)]
			if len(n) > 0 && n[len(n)-1] != '-' {
				n = append(n, '-')
			}
		}
		if alnums[c] {
			n = append(n, c|' ')
		}
	}
	return n[:back(n, len(n), numbersApart, maxName)]
}

var numbersApart = chars(digit + "-")

func cutLast(name []byte) (rest, last []byte) {
	i := bytes.LastIndexByte(name, '-')
	return name[:max(i, 0)], name[i+1:]
}

// hasStem is a quick look for the first two letters of a stem, without which no name is a secret's.
func hasStem(text []byte) bool {
	for i := 1; i < len(text); i++ {
		if stems[text[i-1]&31][text[i]&31] {
			return true
		}
	}
	return false
}

// stems has the two letters, in capitals or not, with which each stem begins.
var stems = func() (begin [32][32]bool) {
	for stem := range words["stems"].words {
		begin[stem[0]&31][stem[1]&31] = true
	}
	return begin
}()
