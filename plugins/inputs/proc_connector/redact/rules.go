package redact

import (
	"bytes"
	_ "embed" // the rules
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

	programs = parsePrograms(programRules)
	words    = parseWords(nameRules)
	shapesBy = parseShapes(tokenRules)
)

// ruleLines returns the lines that are no comments. The rules are part of the program: TestRules says whether they
// are right, so that nothing here has to.
func ruleLines(rules string) []string {
	lines := strings.Split(strings.ReplaceAll(rules, "\\\n", ""), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" || line[0] == '#' })
}

// A program is what rules/programs.txt says of one, in the words that it explains.
type program struct {
	short       map[byte]string // what comes after an option
	long        map[string]string
	after       map[string]string // by word, the name of another program
	places      [][]string
	wraps       int
	separator   byte
	marks       string
	keys, slash list
	traits      []string
}

const (
	anywhere  = -1 // another program's name may be any of the words
	maxPlaces = 8  // of a program
)

func (p *program) is(trait string) bool { return slices.Contains(p.traits, trait) }

// parsePrograms returns the programs by their names.
func parsePrograms(rules string) map[string]*program {
	byName := make(map[string]*program)
	var at *program
	for _, line := range ruleLines(rules) {
		fields := strings.Fields(line)
		if line[0] == ' ' {
			at.learn(fields[0], fields[1:])
			continue
		}
		at = &program{
			short: make(map[byte]string), long: make(map[string]string), after: make(map[string]string), separator: ':',
		}
		for _, name := range fields {
			byName[name] = at
		}
	}
	return byName
}

// learn takes a line about a program.
func (p *program) learn(what string, args []string) {
	switch what {
	case "separator":
		p.separator = args[0][0]
	case "wraps":
		var err error
		if p.wraps, err = strconv.Atoi(args[0]); err != nil {
			p.wraps = anywhere
		}
	case "after":
		last := len(args) - 1
		for _, word := range args[:last] {
			p.after[word] = args[last]
		}
	case "place":
		p.places = append(p.places, args)
	case "mark":
		p.marks += args[0]
	case "keys":
		p.keys.add(args)
	case "slash":
		p.slash.add(args)
	case "is":
		p.traits = append(p.traits, args...)
	default: // what comes after letters and names of options
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
}

// Programs that nothing is known of, and whose name was not there yet.
var unknown, unnamed = &program{separator: ':'}, &program{separator: ':'}

// programOf returns what is known of a program.
func programOf(path []byte) *program {
	name := path[bytes.LastIndexByte(path, '/')+1:]
	name = bytes.TrimPrefix(name, []byte("-")) // of a login shell
	if p := programs[string(name)]; p != nil {
		return p
	}
	version := digit + "." // may follow, in the name of a file also after a "-"
	if len(name) < len(path) {
		version = digit + ".-"
	}
	start := max(0, len(name)-len(".phar"))
	if dot := bytes.LastIndexByte(name[start:], '.'); dot >= 0 && extensions.has(name[start+dot:]) {
		name, version = name[:start+dot], digit+".-"
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
	text               []byte
	last               byte // of text: for most it tells
	before, after, not bool // whether something may stand before and after it
}

func (l *list) add(words []string) {
	if l.words == nil {
		l.words = make(map[string]bool)
	}
	for _, word := range words {
		text, not := strings.CutPrefix(word, "!")
		text, before := strings.CutPrefix(text, "*")
		text, after := strings.CutSuffix(text, "*")
		switch {
		case text == "":
			l.words[word] = true
		case before || after:
			l.patterns = append(l.patterns, pattern{[]byte(text), text[len(text)-1], before, after, not})
		default:
			l.words[text] = !not
		}
	}
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
		return bytes.Equal(word[more:], p.text)
	case !p.before:
		return word[0] == p.text[0] && bytes.HasPrefix(word, p.text)
	}
	return bytes.Contains(word, p.text)
}

// hasFold reports whether a word is in a list, in capital or small letters.
func (l *list) hasFold(word []byte) bool {
	var small [24]byte // more than any of them has
	if len(word) > len(small) {
		return false
	}
	for i, c := range word {
		if capitals[c] {
			c |= ' '
		}
		small[i] = c
	}
	return l.words[string(small[:len(word)])]
}

// parseWords returns the lists by their names.
func parseWords(rules string) map[string]*list {
	lists := make(map[string]*list)
	var at *list
	for _, line := range ruleLines(rules) {
		if line[0] == '[' && strings.HasSuffix(line, "]") {
			at = &list{}
			lists[line[1:len(line)-1]] = at
			continue
		}
		at.add(strings.Fields(line))
	}
	return lists
}

// The lists, which rules/names.txt explains.
var (
	certainWords, likelyWords, aboutWords = words["certain"], words["likely"], words["about"]
	certainLast, likelyLast               = words["certain at the end"], words["likely at the end"]
	vagueLast, publicNames, settings      = words["vague at the end"], words["public"], words["settings"]
	unrelated, negations, numbers         = words["unrelated"], words["negations"], words["numbers"]
	keyKinds, keyFiles, plainKeys         = words["keys"], words["key files"], words["plain keys"]
	pathLike, elsewhere, yesOrNo          = words["paths"], words["elsewhere"], words["yes or no"]
	placeholders, digests, notUsers       = words["placeholders"], words["digests"], words["no users"]
	hooks, schemes, extensions            = words["hooks"], words["schemes"], words["extensions"]
	headers, cookieHeaders, keyHeaders    = words["headers"], words["cookies"], words["ends of headers"]
	namers, named, holders                = words["namers"], words["named"], words["holders"]
	calls, connects, keywords             = words["calls"], words["connects"], words["keywords"]
	inputOptions, sentenceOptions         = words["input"], words["sentences"]
	plainTokens                           = words["tokens"]
)

// A shape is how the tokens of some service look: rules/tokens.txt explains it.
type shape struct {
	prefix string
	least  int
	kind   ending
	mixed  bool
}

// parseShapes returns the shapes by their first byte.
func parseShapes(rules string) (by [256][]*shape) {
	for _, line := range ruleLines(rules) {
		fields := strings.Fields(line)
		prefix := strings.ReplaceAll(fields[0], `\x20`, " ")
		least, err := strconv.Atoi(fields[1])
		if err != nil {
			panic(err)
		}
		by[prefix[0]] = append(by[prefix[0]], &shape{prefix, least, kinds[fields[2]], len(fields) > 3})
	}
	return by
}
