package cmdline

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

// hiddenMark stands in place of what Options does not show.
const hiddenMark = "*"

// Options appends raw, arguments that each end in a NUL as in /proc/PID/cmdline, to dst,
// with nothing left of them but the program and the names of its options, and reports
// whether anything was hidden. Arguments stay apart, and as many as they were, except that a
// first one of several words becomes two.
//
// What an argument means is known to its program alone. So a rule decides by the form, and
// whatever might be a value is hidden:
//
//	-x             stays: there is no room for a value
//	-xvf, -psecret -x*: all but the first letter may be a value
//	--name         stays, if it looks like a name: see optionName
//	--name=value   --name=*
//	--             stays, and all that follows is hidden
//	anything else  *
//
// Where the last NUL is missing the last argument is taken for one that was cut, and what of
// it may be the beginning of a value is hidden too.
func Options(dst, raw []byte) (out []byte, hidden bool) {
	out = dst
	show := func(arg []byte, whole, more bool) {
		out = append(out, arg...)
		if !whole {
			hidden = true
			out = append(out, hiddenMark...)
		}
		if more {
			out = append(out, 0)
		}
	}

	first, rest, more := bytes.Cut(raw, []byte{0})
	program := programName(first)
	if len(program) == 0 || len(program) == len(first) {
		show(program, len(program) == len(first), more)
	} else {
		// Some programs overwrite their arguments by a title, all in the first.
		show(program, true, true)
		show(nil, false, more)
	}
	o := options{}
	for len(rest) > 0 {
		var arg []byte
		arg, rest, more = bytes.Cut(rest, []byte{0})
		n, whole := o.shown(arg, !more)
		show(arg[:n], whole, more)
	}
	return out, hidden
}

// options is what the arguments so far mean for the next.
type options struct {
	ended  bool // "--" was there
	secret bool // the argument may be the value of an option such as --password
}

// shown returns how many bytes at the start of an argument are shown, and whether that is
// all there is to show.
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

// maxName and maxWord bound the name of an option, and the words that it is made of:
// "internationalization" has 20 letters.
const (
	maxName = 64
	maxWord = 20
)

// optionName reports whether text looks like the name of an option and not like a value:
// words of ASCII letters, with a dash, a dot or an underscore between two of them. There are
// digits only at the end of words that are known to have some, because hardly any key or
// password is without.
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
	for _, c := range word {
		if !isLetter(c) {
			return slices.Contains(wordsWithDigits, string(word))
		}
	}
	return len(word) > 0 && len(word) <= maxWord
}

// wordsWithDigits are those that are in use in the names of options.
var wordsWithDigits = strings.Fields(`
	ascii85 base32 base64 bzip2 cgroup2 crc32 ec2 ed25519 ext4 gpt4 h264 h265 http1 http2 http3 i18n inet4
	inet6 ip4 ip6 ipv4 ipv6 k3s k8s l10n latin1 lz4 md5 mp3 mp4 nfs3 nfs4 oauth2 p12 pkcs11 pkcs12 pkcs8 py3
	python3 rfc2822 rfc3339 s3 sha1 sha224 sha256 sha384 sha512 socks4 socks5 sqlite3 ssl2 ssl3 sslv2 sslv3
	tlsv1 utf16 utf8 v4 v6 x11 x509 x86 x264 x265
`)

// secretNames are parts of the names of options whose value may be a secret that looks like
// an option.
var secretNames = strings.Fields("pass pwd secret token key cred auth pin user login cookie header")

func secretName(name []byte) bool {
	lower := strings.ToLower(string(name))
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(lower, part) })
}

// programName returns the beginning of a first argument that can be the path of a program. A
// title that a process has given itself ends there at the latest where its first word does:
// "postgres: joe", "chrome --type=renderer".
func programName(arg []byte) []byte {
	end := bytes.IndexFunc(arg, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+~@[", r)
	})
	if end < 0 {
		return arg
	}
	return arg[:end]
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
