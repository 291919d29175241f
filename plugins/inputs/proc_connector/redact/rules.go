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

// ruleLines returns the lines that are no comments. The rules are part of the program: a test is sure that they
// are right, so that nothing here has to be.
func ruleLines(rules string) []string {
	lines := strings.Split(strings.ReplaceAll(rules, "\\\n", ""), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" || line[0] == '#' })
}

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
	certainLast, likelyLast               = wordList("certain at the end"), wordList("likely at the end")
	vagueLast                             = wordList("vague at the end")
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
func parseShapes(rules string) (by [256][]shape) {
	for _, line := range ruleLines(rules) {
		fields := strings.Fields(line)
		prefix := strings.ReplaceAll(fields[0], `\x20`, " ")
		least, err := strconv.Atoi(fields[1])
		if err != nil {
			panic(err)
		}
		by[prefix[0]] = append(by[prefix[0]], shape{prefix, least, kinds[fields[2]], len(fields) > 3})
	}
	return by
}
