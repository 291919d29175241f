package redact

import (
	"bytes"
	_ "embed" // the rules
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What is known of programs, names and tokens. Each file says how it is written.
var (
	//go:embed rules/programs.txt
	programRules string
	//go:embed rules/names.txt
	nameRules string
	//go:embed rules/tokens.txt
	tokenRules string
)

// The rules are part of the program: one that is wrong ends it at its start.
var (
	programs = must(parsePrograms(programRules))
	words    = must(parseWords(nameRules))
	shapesBy = must(parseShapes(tokenRules))
)

func must[T any](t T, err error) T {
	if err != nil {
		panic(err)
	}
	return t
}

// eachLine calls do with the fields of each line that is no comment, and whether the
// line is indented.
func eachLine(rules string, do func(fields []string, indented bool) error) error {
	for line := range strings.Lines(strings.ReplaceAll(rules, "\\\n", "")) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if err := do(fields, line[0] == ' '); err != nil {
			return fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return nil
}

// A program is what the rules say of one: rules/programs.txt explains it.
type program struct {
	short     [256]expectation // by letter
	long      map[string]expectation
	after     map[string]string // by word, the name of another program
	places    [][]string
	wraps     int
	separator byte
	marks     string
	keys      map[string]bool
	slash     map[string]bool
	is        trait
}

const (
	anywhere  = -1 // another program's name may be any of the words
	maxPlaces = 8  // of a program
)

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

func (p *program) has(t trait) bool { return p != nil && p.is&t != 0 }

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

// parsePrograms returns the programs by their names.
func parsePrograms(rules string) (map[string]*program, error) {
	byName := make(map[string]*program)
	p := &program{}
	err := eachLine(rules, func(fields []string, indented bool) error {
		if indented {
			return p.learn(fields[0], fields[1:])
		}
		p = &program{
			long: make(map[string]expectation), after: make(map[string]string), separator: ':',
			keys: make(map[string]bool), slash: make(map[string]bool),
		}
		for _, name := range fields {
			if byName[name] != nil {
				return fmt.Errorf("%s was there before", name)
			}
			byName[name] = p
		}
		return nil
	})
	for _, p := range byName {
		for _, name := range p.after {
			if err == nil && byName[name] == nil {
				err = fmt.Errorf("%s is nowhere", name)
			}
		}
	}
	return byName, err
}

// learn takes a line about a program.
func (p *program) learn(what string, args []string) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("nothing after %s", what)
	}
	if e, ok := expectations[what]; ok {
		p.options(e, args)
		return nil
	}
	switch what {
	case "separator":
		p.separator = args[0][0]
	case "wraps":
		if p.wraps = anywhere; args[0] != "anywhere" {
			p.wraps, err = strconv.Atoi(args[0])
		}
	case "after":
		last := len(args) - 1
		for _, word := range args[:last] {
			p.after[word] = args[last]
		}
	case "place":
		p.places = append(p.places, args)
		if len(p.places) > maxPlaces {
			err = fmt.Errorf("more than %d places", maxPlaces)
		}
	case "mark":
		p.marks += args[0]
	case "keys", "slash":
		for _, name := range args {
			map[string]map[string]bool{"keys": p.keys, "slash": p.slash}[what][name] = true
		}
	case "is":
		for _, name := range args {
			if traits[name] == 0 {
				return fmt.Errorf("%s is unknown", name)
			}
			p.is |= traits[name]
		}
	default:
		err = fmt.Errorf("%s is unknown", what)
	}
	return err
}

// options notes what comes after letters and names of options.
func (p *program) options(e expectation, args []string) {
	for _, arg := range args {
		if name, long := strings.CutPrefix(arg, "--"); long {
			p.long[name] = e
			continue
		}
		for _, letter := range []byte(arg[1:]) {
			p.short[letter] = e
		}
	}
}

// A family is programs whose names begin alike.
type family struct {
	prefix string
	*program
}

var families = func() (all []family) {
	for name, p := range programs {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			all = append(all, family{prefix, p})
		}
	}
	return all
}()

// programOf returns what is known of a program, or nil.
func programOf(path []byte) *program {
	name := path[bytes.LastIndexByte(path, '/')+1:]
	name = bytes.TrimPrefix(name, []byte("-")) // of a login shell
	ofFile := len(name) < len(path)
	if p := programs[string(name)]; p != nil {
		return p
	}
	if dot := bytes.LastIndexByte(name, '.'); dot >= 0 && extensions.has(name[dot:]) {
		name, ofFile = name[:dot], true
	}
	// A version may follow, in the name of a file also after a "-".
	const version = "0123456789."
	bare := bytes.TrimRight(name, version)
	if ofFile {
		bare = bytes.TrimRight(bare, version+"-")
	}
	if p := programs[string(bare)]; p != nil {
		return p
	}
	for _, f := range families {
		if startsWith(name, f.prefix) {
			return f.program
		}
	}
	return nil
}

// becomes returns what a program is like after a word, or nil.
func (p *program) becomes(word []byte) *program {
	if p == nil || len(p.after) == 0 {
		return nil
	}
	return programs[p.after[string(word)]]
}

// A list is words and patterns: *end, begin*, *part*, and with ! before what is not in
// the list even if a later pattern fits.
type list struct {
	words    map[string]bool
	patterns []pattern
}

type pattern struct {
	text               string
	before, after, not bool // whether something may stand before and after it
}

func (l *list) has(word []byte) bool {
	if l.words[string(word)] {
		return true
	}
	for _, p := range l.patterns {
		if p.fits(word) {
			return !p.not
		}
	}
	return false
}

func (p *pattern) fits(word []byte) bool {
	switch text := []byte(p.text); {
	case p.before && p.after:
		return bytes.Contains(word, text)
	case p.before:
		return bytes.HasSuffix(word, text)
	case p.after:
		return bytes.HasPrefix(word, text)
	}
	return string(word) == p.text
}

// hasFold reports whether a word is in a list, in capital or small letters.
func (l *list) hasFold(word []byte) bool {
	var small [24]byte // more than any of them has
	if len(word) > len(small) {
		return false
	}
	for i, c := range word {
		small[i] = lower(c)
	}
	return l.words[string(small[:len(word)])]
}

// parseWords returns the lists by their names.
func parseWords(rules string) (map[string]*list, error) {
	lists := make(map[string]*list)
	var at *list
	err := eachLine(rules, func(fields []string, _ bool) error {
		if line := strings.Join(fields, " "); line[0] == '[' && line[len(line)-1] == ']' {
			at = &list{words: make(map[string]bool)}
			lists[strings.Trim(line, "[]")] = at
			return nil
		}
		if at == nil {
			return errors.New("words before the first list")
		}
		for _, word := range fields {
			text, not := strings.CutPrefix(word, "!")
			text, before := strings.CutPrefix(text, "*")
			text, after := strings.CutSuffix(text, "*")
			switch {
			case at.words[word]:
				return fmt.Errorf("%s was there before", word)
			case text == "", text == word:
				at.words[word] = true
			default:
				at.patterns = append(at.patterns, pattern{text, before, after, not})
			}
		}
		return nil
	})
	return lists, err
}

func wordList(name string) *list {
	l := words[name]
	if l == nil {
		panic("no list of words " + name)
	}
	return l
}

// A shape is how the tokens of some service look: rules/tokens.txt explains it.
type shape struct {
	prefix string
	least  int
	kind   ending
	mixed  bool
}

// kinds of characters in tokens.
var kinds = map[string]ending{"hex": hexEnd, "upper": upperEnd, "alnum": alnumEnd, "token": tokenEnd, "dotted": dottedEnd, "base64": base64End}

// parseShapes returns the shapes by their first byte.
func parseShapes(rules string) (by [256][]shape, err error) {
	err = eachLine(rules, func(fields []string, _ bool) error {
		prefix, err := strconv.Unquote(`"` + fields[0] + `"`)
		if err != nil || len(fields) < 3 {
			return errors.New("not a prefix, a length and a kind of characters")
		}
		kind, known := kinds[fields[2]]
		isMixed := strings.Join(fields[3:], " ") == "mixed"
		if !known || len(fields) > 3 && !isMixed {
			return errors.New("unknown characters")
		}
		least, err := strconv.Atoi(fields[1])
		by[prefix[0]] = append(by[prefix[0]], shape{prefix, least, kind, isMixed})
		return err
	})
	return by, err
}

// The lists, where they are not about names.
var (
	pathLike, elsewhere, yesOrNo    = wordList("paths"), wordList("elsewhere"), wordList("yes or no")
	placeholders, digests, notUsers = wordList("placeholders"), wordList("digests"), wordList("no users")
	hooks, schemes, extensions      = wordList("hooks"), wordList("schemes"), wordList("extensions")
	headers, cookieHeaders          = wordList("headers"), wordList("cookies")
	keyHeaders                      = wordList("ends of headers")
	namers, named, holders          = wordList("namers"), wordList("named"), wordList("holders")
	calls, connects, keywords       = wordList("calls"), wordList("connects"), wordList("keywords")
	inputOptions, sentenceOptions   = wordList("input"), wordList("sentences")
	wholeOptions, listOptions       = wordList("whole"), wordList("lists")
	publicNames, settings           = wordList("public"), wordList("settings")
)
