package cmdline

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden stands in place of what Options does not show.
const Hidden = "*"

// Options appends raw, arguments that each end in a NUL as in
// /proc/PID/cmdline, to dst, with nothing left of them but the program and the
// names of its options, and reports whether anything was hidden. Arguments stay
// apart, and as many as they were, except that a first one of several words
// becomes two.
//
// What an argument means is known to its program alone. So a rule decides by the
// form, and whatever might be a value is hidden:
//
//	-x             stays: there is no room for a value
//	-xvf, -psecret -x*: all but the first letter may be a value
//	--name         stays, if it looks like a name: see optionName
//	--name=value   --name=*
//	--             stays, and all that follows is hidden
//	anything else  *
//
// Where the last NUL is missing the last argument is taken for one that was cut,
// and what of it may be the beginning of a value is hidden too.
func Options(dst, raw []byte) (out []byte, hidden bool) {
	if len(raw) == 0 {
		return dst, false
	}
	arg, rest, more := nextArg(raw)
	program := programName(arg)
	dst = append(dst, program...)
	if len(program) < len(arg) {
		// Some programs overwrite their arguments by a title, all in the first.
		hidden = true
		if len(program) > 0 {
			dst = append(dst, 0)
		}
		dst = append(dst, Hidden...)
	}
	if more {
		dst = append(dst, 0)
	}
	o := options{}
	for len(rest) > 0 {
		arg, rest, more = nextArg(rest)
		n, whole := o.shown(arg, !more)
		dst = append(dst, arg[:n]...)
		if !whole {
			hidden = true
			dst = append(dst, Hidden...)
		}
		if more {
			dst = append(dst, 0)
		}
	}
	return dst, hidden
}

// options is what the arguments so far mean for the next.
type options struct {
	ended  bool // "--" was there
	secret bool // the argument may be the value of an option such as --password
}

// shown returns how many bytes at the start of an argument are shown, and
// whether that is all there is to show.
func (o *options) shown(arg []byte, cut bool) (n int, whole bool) {
	secret := o.secret
	o.secret = false
	switch {
	case o.ended || len(arg) < 2 || arg[0] != '-':
		return 0, false
	case arg[1] != '-' && !isLetter(arg[1]) && !isDigit(arg[1]):
		return 1, false
	case arg[1] != '-':
		return 2, len(arg) == 2 && !cut
	case len(arg) == 2:
		o.ended = !cut
		return 2, !cut
	}
	name, _, hasValue := bytes.Cut(arg[2:], []byte{'='})
	switch {
	case secret, cut && !hasValue, !optionName(name):
		// What follows --password is its value even where it looks like an option.
		return 2, false
	case hasValue:
		return 2 + len(name) + 1, false
	}
	o.secret = secretName(name)
	return len(arg), true
}

// maxName and maxWord bound the name of an option, and the words that it is made
// of: "internationalization" has 20 letters.
const (
	maxName = 64
	maxWord = 20
)

// optionName reports whether text looks like the name of an option and not like
// a value: words of ASCII letters, with a dash, a dot or an underscore between two
// of them. There are digits only at the end of words that are known to have some,
// because hardly any key or password is without.
func optionName(text []byte) bool {
	if len(text) > maxName {
		return false
	}
	for {
		i := bytes.IndexAny(text, "-._")
		if i < 0 {
			return optionWord(text)
		}
		if !optionWord(text[:i]) {
			return false
		}
		text = text[i+1:]
	}
}

func optionWord(word []byte) bool {
	if len(word) == 0 || len(word) > maxWord {
		return false
	}
	if wordsWithDigits[string(word)] {
		return true
	}
	for _, c := range word {
		if !isLetter(c) {
			return false
		}
	}
	return true
}

// wordsWithDigits are those that are in use in the names of options.
var wordsWithDigits = map[string]bool{
	"ascii85": true, "base32": true, "base64": true, "bzip2": true, "cgroup2": true, "crc32": true, "ec2": true,
	"ed25519": true, "ext4": true, "gpt4": true, "h264": true, "h265": true, "http1": true, "http2": true, "http3": true,
	"i18n": true, "inet4": true, "inet6": true, "ip4": true, "ip6": true, "ipv4": true, "ipv6": true, "k3s": true,
	"k8s": true, "l10n": true, "latin1": true, "lz4": true, "md5": true, "mp3": true, "mp4": true, "nfs3": true,
	"nfs4": true, "oauth2": true, "p12": true, "pkcs11": true, "pkcs12": true, "pkcs8": true, "py3": true, "python3": true,
	"rfc2822": true, "rfc3339": true, "s3": true, "sha1": true, "sha224": true, "sha256": true, "sha384": true,
	"sha512": true, "socks4": true, "socks5": true, "sqlite3": true, "ssl2": true, "ssl3": true, "sslv2": true,
	"sslv3": true, "tlsv1": true, "utf16": true, "utf8": true, "v4": true, "v6": true, "x11": true, "x509": true,
	"x86": true, "x264": true, "x265": true,
}

// secretNames are parts of the names of options whose value may be a secret that
// looks like an option.
var secretNames = [][]byte{
	[]byte("pass"), []byte("pwd"), []byte("secret"), []byte("token"), []byte("key"), []byte("cred"), []byte("auth"),
	[]byte("pin"), []byte("user"), []byte("login"), []byte("cookie"), []byte("header"),
}

func secretName(name []byte) bool {
	var room [maxName]byte
	lower := room[:copy(room[:], name)]
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	for _, part := range secretNames {
		if bytes.Contains(lower, part) {
			return true
		}
	}
	return false
}

// programName returns the beginning of a first argument that can be the path of
// a program. A title that a process has given itself ends there at the latest
// where its first word does: "postgres: joe", "chrome --type=renderer".
func programName(arg []byte) []byte {
	for i := 0; i < len(arg); {
		r, size := utf8.DecodeRune(arg[i:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+~@[", r) {
			return arg[:i]
		}
		i += size
	}
	return arg
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
