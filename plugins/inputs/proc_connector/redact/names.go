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

const (
	maxName      = 64 // how much of a name is looked at: its end tells most
	tellingWords = 3  // at its end: the "token" in -Wno-compound-token-split-by-macro is none
)

var (
	certainWords = wordList("certain")
	likelyWords  = wordList("likely")
	aboutWords   = wordList("about")
	certainLast  = wordList("certain at the end")
	likelyLast   = wordList("likely at the end")
	vagueLast    = wordList("vague at the end")
	unrelated    = wordList("unrelated")
	negations    = wordList("negations")
	numbers      = wordList("numbers")
	plainTokens  = wordList("tokens")
	keyKinds     = wordList("keys")
	keyFiles     = wordList("key files")
	plainKeys    = wordList("plain keys")
)

// A name is split into words, at punctuation and where capitals begin.
type name struct {
	small [maxName]byte // in small letters
	words [maxName/2 + 1]span
	n     int
	upper bool // an environment variable's, as most are written
}

func (n *name) split(text []byte) {
	n.n, n.upper = 0, !has(text, smalls)
	start := 0
	for i, c := range text {
		n.small[i] = lower(c)
		switch {
		case !alnums[c]:
			n.add(start, i)
			start = i + 1
		case i > start && capitals[c] && (!capitals[text[i-1]] || i+1 < len(text) && smalls[text[i+1]]):
			n.add(start, i)
			start = i
		}
	}
	n.add(start, len(text))
}

// add takes a word without the number at its end.
func (n *name) add(start, end int) {
	for start < end && digits[n.small[end-1]] {
		end--
	}
	if start < end && n.n < len(n.words) {
		n.words[n.n] = span{start, end}
		n.n++
	}
}

// word returns one of the words, the last ones with a negative number.
func (n *name) word(i int) []byte {
	if i < 0 {
		i += n.n
	}
	return n.small[n.words[i].start:n.words[i].end]
}

// strengthOf says whether something of this name is a secret.
func strengthOf(text []byte) strength {
	text = text[max(0, len(text)-maxName):]
	if !hasStem(text) {
		return harmless
	}
	var n name
	n.split(text)
	if n.n == 0 {
		return harmless
	}
	last, before := n.word(-1), []byte(nil)
	if n.n > 1 {
		before = n.word(-2)
		if !n.upper && negations.has(n.word(0)) || numbers.has(n.word(0)) || numbers.has(before) {
			return harmless
		}
	}
	switch {
	case unrelated.has(last) && !bytes.HasSuffix(text, []byte("secret_id")) && !bytes.HasSuffix(text, []byte("SECRET_ID")),
		string(last) == "hash" && string(before) == "cert", string(last) == "token" && plainTokens.has(before):
		return harmless
	case string(text) == "_auth", string(text) == "--_auth": // of npm
		return certain
	case string(last) == "pat" && n.n > 1: // a personal access token
		return likely
	}
	best := strengthOfLast(last, before, n.upper)
	for i := max(0, n.n-tellingWords); i < n.n; i++ {
		switch w := n.word(i); {
		case best == certain, aboutWords.has(w):
		case certainWords.has(w):
			best = certain
		case likelyWords.has(w):
			best = likely
		}
	}
	return best
}

// strengthOfLast is about words that tell only at the end of a name.
func strengthOfLast(last, before []byte, upper bool) strength {
	switch {
	case certainLast.has(last):
		return certain
	case likelyLast.has(last):
		return likely
	case vagueLast.has(last):
		return vague
	case string(last) != "key":
		return harmless
	case before == nil:
		return vague
	case keyKinds.has(before):
		return certain
	case keyFiles.has(before), upper && !plainKeys.has(before):
		return likely
	}
	return harmless
}

// hasStem is a quick look at whether a name may be a secret's: it has the first two
// letters of a stem.
func hasStem(text []byte) bool {
	for i := 1; i < len(text); i++ {
		if stems[text[i-1]&31]>>(text[i]&31)&1 != 0 {
			return true
		}
	}
	return false
}

// stems has a bit for each two letters, in capitals or not, with which a stem begins.
var stems = func() (bits [32]uint32) {
	for stem := range wordList("stems").words {
		bits[stem[0]&31] |= 1 << (stem[1] & 31)
	}
	return bits
}()
