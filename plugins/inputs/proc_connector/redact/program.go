package redact

import "bytes"

// A program is what the rules say of one: rules/programs.txt explains it.
type program struct {
	known     bool             // there are rules for it
	short     [128]expectation // by letter
	long      map[string]expectation
	wraps     int
	after     map[string]*program
	places    [][]string
	separator byte
	marks     string
	keys      map[string]bool
	slash     map[string]bool
	is        trait
}

// A family is programs whose names begin alike.
type family struct {
	prefix  string
	program *program
}

// anywhere says that another program's name may be any of the words.
const anywhere = -1

// maxPlaces is how many places a program may have.
const maxPlaces = 8

// A trait is what is true of all arguments of a program.
type trait uint16

const (
	single trait = 1 << iota
	names
	values
	ownWords
	labeled
	prose
	writes
	reads
	remote
	paths
	oracle
	expect
)

var traits = map[string]trait{
	"single": single, "names": names, "values": values, "words": ownWords, "labeled": labeled, "prose": prose,
	"writes": writes, "reads": reads, "remote": remote, "paths": paths, "oracle": oracle, "expect": expect,
}

// An expectation is what the next word is.
type expectation uint8

const (
	nothing  expectation = iota
	value                // of an option, nothing special
	secret               // all of it
	attached             // the same, if it is in the same word
	pair                 // user:password
	keyed                // name:secret
	cookies              // name=value; name=value, or a file
	source               // pass:password, in openssl's way
	sentence             // text for people
	code                 // of a shell or another language
	ownWord              // words of this command line
	wrapped              // another program's name
	flag                 // no word
	input                // no word, but a secret comes from the input
)

var expectations = map[string]expectation{
	"value": value, "secret": secret, "attached": attached, "pair": pair, "keyed": keyed, "cookies": cookies, "source": source,
	"sentence": sentence, "code": code, "words": ownWord, "program": wrapped, "flags": flag, "input": input,
}

func (p *program) has(t trait) bool { return p != nil && p.is&t != 0 }

// shortOption says what comes after a short option.
func (p *program) shortOption(c byte) expectation {
	if c >= 128 {
		return nothing
	}
	return p.short[c]
}

// extensions of scripts, which are called by their names without them.
var extensions = [...]string{".py", ".pl", ".rb", ".js", ".mjs", ".cjs", ".sh", ".php", ".phar", ".jar", ".exe"}

// programOf returns what is known of a program, or nil.
func programOf(path []byte) *program {
	name := path[bytes.LastIndexByte(path, '/')+1:]
	if len(name) > 0 && name[0] == '-' {
		name = name[1:] // of a login shell
	}
	if p := programs[string(name)]; p != nil {
		return p
	}
	// A version may follow, in the name of a file also after a "-".
	full, versions := len(name), len(name) < len(path)
	for _, end := range extensions {
		if bytes.HasSuffix(name, []byte(end)) {
			name, versions = name[:len(name)-len(end)], true
			break
		}
	}
	bare := bytes.TrimRight(name, "0123456789.")
	if versions {
		bare = bytes.TrimRight(bare, "0123456789.-")
	}
	if len(bare) < full {
		if p := programs[string(bare)]; p != nil {
			return p
		}
	}
	for _, family := range families {
		if bytes.HasPrefix(name, []byte(family.prefix)) {
			return family.program
		}
	}
	return nil
}
