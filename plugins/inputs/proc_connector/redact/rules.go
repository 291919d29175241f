package redact

import (
	"bytes"
	_ "embed" // the rules
	"errors"
	"fmt"
	"slices"
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

// eachLine calls do with the fields of each line that is no comment, and whether it is indented.
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

// A program is what rules/programs.txt says of one, in the words that it explains.
type program struct {
	short     map[byte]string // what comes after an option
	long      map[string]string
	after     map[string]string // by word, the name of another program
	places    [][]string
	wraps     int
	separator byte
	marks     string
	keys      list
	slash     list
	traits    []string
}

const (
	anywhere  = -1 // another program's name may be any of the words
	maxPlaces = 8  // of a program
)

// expectations are what an option says of the next word, traits are true of all arguments.
var (
	expectations = strings.Fields("value secret attached pair keyed cookies source sentence code words program flags input")
	traits       = strings.Fields("single names values words labeled prose writes reads remote paths oracle expect")
)

func (p *program) is(trait string) bool { return slices.Contains(p.traits, trait) }

// becomes returns what the program is like after a word, or nil.
func (p *program) becomes(word []byte) *program {
	if len(p.after) == 0 {
		return nil
	}
	return programs[p.after[string(word)]]
}

func newProgram() *program {
	return &program{
		short: make(map[byte]string), long: make(map[string]string), after: make(map[string]string), separator: ':',
	}
}

// parsePrograms returns the programs by their names.
func parsePrograms(rules string) (map[string]*program, error) {
	byName := make(map[string]*program)
	var at *program
	err := eachLine(rules, func(fields []string, indented bool) error {
		if indented {
			return at.learn(fields[0], fields[1:])
		}
		at = newProgram()
		for _, name := range fields {
			if byName[name] != nil {
				return fmt.Errorf("%s was there before", name)
			}
			byName[name] = at
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
	last := len(args) - 1
	switch {
	case last < 0:
		err = fmt.Errorf("nothing after %s", what)
	case what == "separator":
		p.separator = args[0][0]
	case what == "wraps" && args[0] == "anywhere":
		p.wraps = anywhere
	case what == "wraps":
		p.wraps, err = strconv.Atoi(args[0])
	case what == "after":
		for _, word := range args[:last] {
			p.after[word] = args[last]
		}
	case what == "place" && len(p.places) == maxPlaces:
		err = fmt.Errorf("more than %d places", maxPlaces)
	case what == "place":
		p.places = append(p.places, args)
	case what == "mark":
		p.marks += args[0]
	case what == "keys":
		err = p.keys.add(args)
	case what == "slash":
		err = p.slash.add(args)
	case what == "is":
		p.traits, err = append(p.traits, args...), known(traits, args...)
	default:
		err = known(expectations, what)
		p.options(what, args)
	}
	return err
}

func known(all []string, words ...string) error {
	for _, word := range words {
		if !slices.Contains(all, word) {
			return fmt.Errorf("%s is unknown", word)
		}
	}
	return nil
}

// options notes what comes after letters and names of options.
func (p *program) options(what string, args []string) {
	for _, arg := range args {
		if name, long := strings.CutPrefix(arg, "--"); long {
			p.long[name] = what
			continue
		}
		for _, letter := range []byte(arg[1:]) {
			p.short[letter] = what
		}
	}
}

// unknown is a program that nothing is known of.
var unknown = newProgram()

// programOf returns what is known of a program.
func programOf(path []byte) *program {
	name := path[bytes.LastIndexByte(path, '/')+1:]
	name = bytes.TrimPrefix(name, []byte("-")) // of a login shell
	ofFile := len(name) < len(path)
	if p := programs[string(name)]; p != nil {
		return p
	}
	tail := name[max(0, len(name)-len(".phar")):]
	if dot := bytes.LastIndexByte(tail, '.'); dot >= 0 && extensions.has(tail[dot:]) {
		name, ofFile = name[:len(name)-len(tail)+dot], true
	}
	// A version may follow, in the name of a file also after a "-".
	version := digit + "."
	if ofFile {
		version = digit + ".-"
	}
	if p := programs[string(bytes.TrimRight(name, version))]; p != nil {
		return p
	}
	for _, prefix := range families {
		if startsWith(name, prefix) {
			return programs[prefix+"*"]
		}
	}
	return unknown
}

// families are how the names of programs begin that are known by that.
var families = func() (prefixes []string) {
	for name := range programs {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}()

// A list is words and patterns: *end, begin*, *part*, and with ! before what is not in
// the list even if a later pattern fits.
type list struct {
	words    map[string]bool
	patterns []pattern
}

type pattern struct {
	text               string
	last               byte // of text: for most it tells
	before, after, not bool // whether something may stand before and after it
}

func (l *list) add(words []string) error {
	if l.words == nil {
		l.words = make(map[string]bool)
	}
	for _, word := range words {
		text, not := strings.CutPrefix(word, "!")
		text, before := strings.CutPrefix(text, "*")
		text, after := strings.CutSuffix(text, "*")
		switch {
		case l.words[word]:
			return fmt.Errorf("%s was there before", word)
		case text == "":
			l.words[word] = true
		case before || after:
			l.patterns = append(l.patterns, pattern{text, text[len(text)-1], before, after, not})
		default:
			l.words[text] = !not
		}
	}
	return nil
}

func (l *list) has(word []byte) bool {
	if in, known := l.words[string(word)]; known || len(word) == 0 {
		return in
	}
	last := word[len(word)-1]
	for i := range l.patterns {
		if p := &l.patterns[i]; (p.after || p.last == last) && p.fits(word) {
			return !p.not
		}
	}
	return false
}

func (p *pattern) fits(word []byte) bool {
	switch more := len(word) - len(p.text); {
	case more < 0:
		return false
	case !p.after:
		return string(word[more:]) == p.text
	case !p.before:
		return word[0] == p.text[0] && string(word[:len(p.text)]) == p.text
	}
	return bytes.Contains(word, []byte(p.text))
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
			at = &list{}
			lists[line[1:len(line)-1]] = at
			return nil
		}
		if at == nil {
			return errors.New("words before the first list")
		}
		return at.add(fields)
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

// The lists, which rules/names.txt explains.
var (
	certainWords, likelyWords, aboutWords = wordList("certain"), wordList("likely"), wordList("about")
	certainLast, likelyLast, vagueLast    = wordList("certain at the end"), wordList("likely at the end"), wordList("vague at the end")
	unrelated, negations, numbers         = wordList("unrelated"), wordList("negations"), wordList("numbers")
	plainTokens, plainKeys                = wordList("tokens"), wordList("plain keys")
	keyKinds, keyFiles                    = wordList("keys"), wordList("key files")
	pathLike, elsewhere, yesOrNo          = wordList("paths"), wordList("elsewhere"), wordList("yes or no")
	placeholders, digests, notUsers       = wordList("placeholders"), wordList("digests"), wordList("no users")
	hooks, schemes, extensions            = wordList("hooks"), wordList("schemes"), wordList("extensions")
	headers, cookieHeaders, keyHeaders    = wordList("headers"), wordList("cookies"), wordList("ends of headers")
	namers, named, holders                = wordList("namers"), wordList("named"), wordList("holders")
	calls, connects, keywords             = wordList("calls"), wordList("connects"), wordList("keywords")
	inputOptions, sentenceOptions         = wordList("input"), wordList("sentences")
	publicNames, settings                 = wordList("public"), wordList("settings")
)

// A shape is how the tokens of some service look: rules/tokens.txt explains it.
type shape struct {
	prefix string
	least  int
	kind   ending
	mixed  bool
}

// parseShapes returns the shapes by their first byte.
func parseShapes(rules string) (by [256][]shape, err error) {
	err = eachLine(rules, func(fields []string, _ bool) error {
		prefix, err := strconv.Unquote(`"` + fields[0] + `"`)
		if err != nil || len(fields) < 3 {
			return errors.New("not a prefix, a length and a kind of characters")
		}
		kind, known := kinds[fields[2]]
		mixed := strings.Join(fields[3:], " ")
		if !known || mixed != "" && mixed != "mixed" {
			return errors.New("unknown characters")
		}
		least, err := strconv.Atoi(fields[1])
		by[prefix[0]] = append(by[prefix[0]], shape{prefix, least, kind, mixed != ""})
		return err
	})
	return by, err
}
