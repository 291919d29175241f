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

// maxName is how much of a name is looked at: its end tells most.
const maxName = 64

// tellingWords is how many words at the end of a name are about what it is. The
// "token" in -Wno-compound-token-split-by-macro is not.
const tellingWords = 3

var (
	secretNames   = wordList("secret")
	vagueNames    = wordList("vague")
	unrelated     = wordList("unrelated")
	aboutEnds     = wordList("about")
	negations     = wordList("negations")
	numbers       = wordList("numbers")
	plainTokens   = wordList("tokens")
	keyKinds      = wordList("keys")
	keyFiles      = wordList("key files")
	plainKeys     = wordList("plain keys")
	gluedKeys     = wordList("glued keys")
	gluedKeyFiles = wordList("glued key files")
	passWords     = wordList("passes")
)

// A name is split into words, at punctuation and where capitals begin.
type name struct {
	lower [maxName]byte
	words [maxName/2 + 1]span
	n     int
	upper bool // an environment variable's, as most are written
}

func (n *name) split(text []byte) {
	n.n, n.upper = 0, true
	start := -1
	for i, c := range text {
		n.lower[i] = lower(c)
		isLower := 'a' <= c && c <= 'z'
		if isLower {
			n.upper = false
		}
		if !alnum(c) {
			n.add(start, i)
			start = -1
			continue
		}
		if start >= 0 && upper(c) && (!upper(text[i-1]) || i+1 < len(text) && 'a' <= text[i+1] && text[i+1] <= 'z') {
			n.add(start, i)
			start = i
		}
		if start < 0 {
			start = i
		}
	}
	n.add(start, len(text))
}

// add takes a word without the number at its end.
func (n *name) add(start, end int) {
	for start >= 0 && start < end && digit(n.lower[end-1]) {
		end--
	}
	if start >= 0 && start < end && n.n < len(n.words) {
		n.words[n.n] = span{start, end}
		n.n++
	}
}

// word returns one of the words, the last ones with a negative number.
func (n *name) word(i int) []byte {
	if i < 0 {
		i += n.n
	}
	return n.lower[n.words[i].start:n.words[i].end]
}

// strengthOf says whether something of this name is a secret.
func strengthOf(text []byte) strength {
	if len(text) > maxName {
		text = text[len(text)-maxName:]
	}
	if !hasStem(text) {
		return harmless
	}
	var n name
	n.split(text)
	if n.n == 0 || n.n > 1 && (!n.upper && negations.has(n.word(0)) || (numbers.has(n.word(0)) || numbers.has(n.word(-2)))) {
		return harmless
	}
	last := n.word(-1)
	if unrelated.has(last) && !bytes.HasSuffix(text, []byte("secret_id")) && !bytes.HasSuffix(text, []byte("SECRET_ID")) {
		return harmless
	}
	if string(text) == "_auth" || string(text) == "--_auth" {
		return certain // of npm
	}
	if n.n > 1 {
		switch before := n.word(-2); string(last) {
		case "hash":
			if string(before) == "cert" {
				return harmless
			}
		case "token":
			if plainTokens.has(before) {
				return harmless
			}
		case "pat":
			return likely // a personal access token
		}
	}
	best := harmless
	for i := max(0, n.n-tellingWords); i < n.n; i++ {
		best = max(best, strengthOfWord(n.word(i)))
	}
	return max(best, strengthOfLast(&n))
}

// hasStem is a quick look at whether a name may be a secret's: it has the first
// two letters of a stem.
func hasStem(text []byte) bool {
	var before byte
	for _, c := range text {
		c |= 0x20
		if 'a' <= c && c <= 'z' {
			if before != 0 && stems[before-'a']>>(c-'a')&1 != 0 {
				return true
			}
			before = c
		} else {
			before = 0
		}
	}
	return false
}

// stems has a bit for each two letters with which a word for a secret begins.
var stems = func() (bits [26]uint32) {
	for _, stem := range []string{"pass", "pw", "pswd", "psk", "secret", "token", "key", "cred", "auth", "sig", "jwt", "bearer", "session", "sid",
		"code", "mnemonic", "kennwort", "pat"} {
		bits[stem[0]-'a'] |= 1 << (stem[1] - 'a')
	}
	return bits
}()

// strengthOfWord is about words that tell wherever in a name they stand.
func strengthOfWord(w []byte) strength {
	switch {
	case endsIn(aboutEnds, w):
		return harmless
	case bytes.Contains(w, []byte("passw")), bytes.Contains(w, []byte("passphrase")), bytes.HasSuffix(w, []byte("passcode")),
		bytes.HasSuffix(w, []byte("token")), bytes.Contains(w, []byte("kennwort")),
		bytes.Contains(w, []byte("secret")) && !bytes.HasPrefix(w, []byte("secretar")):
		return certain
	case bytes.HasSuffix(w, []byte("credential")), bytes.HasSuffix(w, []byte("credentials")), bytes.HasSuffix(w, []byte("creds")):
		return likely
	}
	switch {
	case endsIn(gluedKeyFiles, w):
		return likely
	case endsIn(gluedKeys, w):
		return certain
	}
	return harmless
}

// endsIn reports whether a word ends in one of a list.
func endsIn(l list, w []byte) bool {
	for _, end := range l.order {
		if len(w) >= len(end) && string(w[len(w)-len(end):]) == end {
			return true
		}
	}
	return false
}

// strengthOfLast is about words that tell only at the end of a name.
func strengthOfLast(n *name) strength {
	last := n.word(-1)
	switch {
	case secretNames.has(last):
		return certain
	case vagueNames.has(last):
		return vague
	case string(last) == "key":
		return strengthOfKey(n)
	case bytes.HasSuffix(last, []byte("pass")) && !passWords.has(last):
		return certain
	case bytes.HasSuffix(last, []byte("pw")), bytes.HasSuffix(last, []byte("pwd")):
		return likely
	}
	return harmless
}

func strengthOfKey(n *name) strength {
	if n.n == 1 {
		return vague
	}
	kind := n.word(-2)
	if keyKinds.has(kind) {
		return certain
	}
	if keyFiles.has(kind) || n.upper && !plainKeys.has(kind) {
		return likely
	}
	return harmless
}
