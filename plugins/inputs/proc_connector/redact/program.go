package redact

import "strings"

// A program is what has to be known of one to find secrets that no name tells.
// The fields of type string are letters of short options.
type program struct {
	secret   string // the value is a secret, attached or in the next word
	attached string // there is a secret if it is attached
	pair     string // the value is user:password
	cookie   string // the value is cookies
	text     string // the value is for people to read
	value    string // the value is nothing special
	code     string // the value is a shell's command line
	flags    string // without a value, may stand before others in a word

	long   map[string]expectation // long options whose name does not tell
	single bool                   // long options have one dash

	wraps  int                 // 1 and how many words come before another program's name, or anywhere
	subs   map[string]*program // after this word it is like another program
	places [][]string          // arguments in order: a word, "*" for any, "!" for a secret
	sep    byte                // between user and password, if not ":"

	names  bool // an argument that names a secret is followed by it
	prose  bool // all arguments are for people to read
	paths  bool // arguments are host:path, or image:tag
	slash  bool // options are /name:value
	oracle bool // arguments are user/password@database
	expect bool // arguments are scripts of expect
	remote bool // a shell reads the arguments
	reads  bool // reads secrets from its input
	echo   bool // writes its arguments
}

// anywhere says that a program's name may be any of the words.
const anywhere = -1

// programOf returns what is known of a program, or nil.
func programOf(path []byte) *program {
	name := base(path)
	if len(name) > 0 && name[0] == '-' {
		name = name[1:] // of a login shell
	}
	return programs[string(name)]
}

func (p *program) longShort() bool   { return p != nil && p.single }
func (p *program) hasPaths() bool    { return p != nil && p.paths }
func (p *program) expects() bool     { return p != nil && p.expect }
func (p *program) readsSecret() bool { return p != nil && p.reads }
func (p *program) writes() bool      { return p != nil && p.echo }
func (p *program) flag(c byte) bool  { return strings.IndexByte(p.flags, c) >= 0 }

// longOption says what comes after a long option whose name does not tell.
func (p *program) longOption(name []byte) expectation { return p.long[string(name)] }

// shortOption says what comes after a short option, and whether it does so only
// in the same word.
func (p *program) shortOption(c byte) (e expectation, attached bool) {
	is := func(options string) bool { return strings.IndexByte(options, c) >= 0 }
	switch {
	case is(p.secret):
		return secret, false
	case is(p.attached):
		return secret, true
	case is(p.pair):
		return pair, false
	case is(p.cookie):
		return cookies, false
	case is(p.text):
		return sentence, false
	case is(p.code):
		return commands, false
	case is(p.value):
		return value, false
	}
	return nothing, false
}
