package redact

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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

func (p *program) is(trait string) bool { return slices.Contains(p.traits, trait) }

// parsePrograms returns the programs by their names.
func parsePrograms(rules string) map[string]*program {
	byName := make(map[string]*program)
	var at *program
	eachLine(rules, func(fields []string, indented bool) error {
		if indented {
			return at.learn(fields[0], fields[1:])
		}
		at = &program{
			short: make(map[byte]string), long: make(map[string]string), after: make(map[string]string), separator: ':',
		}
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
			if byName[name] == nil {
				panic(fmt.Errorf("%s is nowhere", name))
			}
		}
	}
	return byName
}

// learn takes a line about a program.
func (p *program) learn(what string, args []string) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("nothing after %s", what)
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
		if p.places = append(p.places, args); len(p.places) > maxPlaces {
			return fmt.Errorf("more than %d places", maxPlaces)
		}
	case "mark":
		p.marks += args[0]
	case "keys":
		return p.keys.add(args)
	case "slash":
		return p.slash.add(args)
	case "is":
		p.traits = append(p.traits, args...)
		return explained(args...)
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
		return explained(what)
	}
	return err
}

// explained returns an error if a word is not in the comment that begins the rules.
func explained(words ...string) error {
	comment, _, _ := strings.Cut(programRules, "\n\n")
	for _, word := range words {
		if !strings.Contains(comment, "   "+word+" ") {
			return fmt.Errorf("%s is unknown", word)
		}
	}
	return nil
}

// unknown is a program that nothing is known of.
var unknown = &program{separator: ':'}

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
