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

// unrelated end names that have a secret's name in them and are about it: where
// it lies, how long it lives, what form it has.
var unrelated = setOf("file", "files", "filename", "path", "paths", "dir", "directory", "folder", "location", "url", "uri", "endpoint", "host",
	"hostname", "port", "server", "ttl", "type", "types", "id", "ids", "name", "names", "length", "len", "size", "age", "expiry", "expires",
	"expiration", "expire", "lifetime", "timeout", "interval", "period", "duration", "delay", "grace", "policy", "policies", "stdin", "prompt",
	"format", "env", "var", "variable", "fd", "command", "cmd", "program", "helper", "manager", "provider", "store", "storage", "backend",
	"engine", "algorithm", "algo", "count", "limit", "bits", "mode", "method", "cost", "rounds", "iterations", "enabled", "enable", "disabled",
	"required", "optional", "field", "column", "header", "issuer", "audience", "scope", "scopes", "usage", "version", "rotation", "ring",
	"label", "labels", "index", "prefix", "source", "ref", "arn", "template", "class", "authentication", "encryption", "check", "checks",
	"validation", "validator", "verification", "strength", "quality", "hint", "hints", "help", "review", "request", "bucket", "budget",
	"window", "rate", "jar", "less", "through", "only", "free", "agent", "sock", "socket", "group", "owner", "user", "users", "username",
	"account", "service", "handler", "plugin", "module", "script", "callback", "driver", "regex", "pattern", "charset", "lock", "reset",
	"reader", "generator", "model", "logits", "loss", "embedding", "dim", "vocab", "limits", "separator", "logfile", "fingerprint", "slot",
	"rules", "complexity", "history", "change", "days", "date", "by", "map", "mount", "search", "controller", "namespace")

// negations begin options that have no value, or none that is a secret.
var negations = setOf("no", "skip", "disable", "ask", "without", "prompt", "require", "show", "max", "min", "num", "load", "import", "list",
	"get", "allow", "deny", "hide", "check", "use", "enable", "generate")

// keyKinds are what stands before "key" in the name of one that is a secret.
var keyKinds = setOf("api", "secret", "access", "auth", "account", "shared", "app", "application", "admin", "hmac", "jwt", "webhook", "subscription",
	"activation", "ingest", "write", "integration", "rest", "psk")

// pathKinds are those of keys that may as well be files.
var pathKinds = setOf("private", "encryption", "encrypt", "decryption", "decrypt", "master", "signing", "sign", "session", "service", "deploy", "storage",
	"license", "licence", "certificate", "cert", "recovery", "unseal", "unlock", "root", "cookie", "crypt", "cipher", "aes", "wallet")

// plainKeys are what stands before KEY in an environment variable that holds
// none.
var plainKeys = setOf("public", "pub", "primary", "sort", "foreign", "partition", "cache", "host", "object", "index", "routing", "hot", "menu",
	"idempotency", "group", "registry", "lookup", "s3", "map", "row", "order", "search", "translation", "compose", "no")

// gluedKeys are names that are written as one word.
var gluedKeys = stringsOf("apikey", "authkey", "secretkey", "accesskey", "accountkey", "sharedkey", "subscriptionkey", "appkey", "masterauth")

// gluedPaths are those that may be files.
var gluedPaths = stringsOf("privatekey", "masterkey", "signingkey", "encryptionkey", "licensekey", "servicekey", "sessionkey", "deploykey")

// passWords end in "pass" and are not about secrets.
var passWords = setOf("bypass", "compass", "encompass", "trespass", "surpass", "underpass", "overpass", "multipass", "lowpass", "highpass", "bandpass",
	"firstpass", "secondpass", "onepass", "twopass", "renderpass")

func setOf(words ...string) map[string]struct{} {
	set := make(map[string]struct{}, len(words))
	for _, w := range words {
		set[w] = struct{}{}
	}
	return set
}

func stringsOf(words ...string) [][]byte {
	b := make([][]byte, len(words))
	for i, w := range words {
		b[i] = []byte(w)
	}
	return b
}

func in(set map[string]struct{}, word []byte) bool {
	_, ok := set[string(word)]
	return ok
}

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
	if n.n == 0 || n.n > 1 && !n.upper && in(negations, n.word(0)) {
		return harmless
	}
	if in(unrelated, n.word(-1)) && !bytes.HasSuffix(text, []byte("secret_id")) && !bytes.HasSuffix(text, []byte("SECRET_ID")) {
		return harmless
	}
	if string(text) == "_auth" || string(text) == "--_auth" {
		return certain // of npm
	}
	if n.n > 1 && string(n.word(-1)) == "hash" && string(n.word(-2)) == "cert" {
		return harmless
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
		"code", "mnemonic", "kennwort"} {
		bits[stem[0]-'a'] |= 1 << (stem[1] - 'a')
	}
	return bits
}()

// strengthOfWord is about words that tell wherever in a name they stand.
func strengthOfWord(w []byte) strength {
	switch {
	case about(w):
		return harmless
	case bytes.Contains(w, []byte("passw")), bytes.Contains(w, []byte("passphrase")), bytes.HasSuffix(w, []byte("passcode")),
		bytes.HasSuffix(w, []byte("token")), bytes.Contains(w, []byte("kennwort")),
		bytes.Contains(w, []byte("secret")) && !bytes.HasPrefix(w, []byte("secretar")):
		return certain
	case bytes.HasSuffix(w, []byte("credential")), bytes.HasSuffix(w, []byte("credentials")), bytes.HasSuffix(w, []byte("creds")):
		return likely
	}
	for _, key := range gluedPaths {
		if bytes.HasSuffix(w, key) {
			return likely
		}
	}
	for _, key := range gluedKeys {
		if bytes.HasSuffix(w, key) {
			return certain
		}
	}
	return harmless
}

// about is unrelated for names without anything between their words.
func about(w []byte) bool {
	for _, end := range aboutEnds {
		if bytes.HasSuffix(w, end) {
			return true
		}
	}
	return false
}

var aboutEnds = stringsOf("file", "path", "stdin", "policy", "less", "prompt")

// strengthOfLast is about words that tell only at the end of a name.
func strengthOfLast(n *name) strength {
	last := n.word(-1)
	switch string(last) {
	case "jwt", "bearer", "psk", "mnemonic", "pswd", "authorization":
		return certain
	case "sig", "signature", "auth", "session", "sessionid", "sid", "code":
		return vague
	case "key":
		return strengthOfKey(n)
	}
	switch {
	case bytes.HasSuffix(last, []byte("pass")) && !in(passWords, last):
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
	if in(keyKinds, kind) {
		return certain
	}
	if in(pathKinds, kind) || n.upper && !in(plainKeys, kind) {
		return likely
	}
	return harmless
}
