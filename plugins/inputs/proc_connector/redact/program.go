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

// expectations are what an option says of the next word, traits are true of all arguments.
var (
	expectations = strings.Fields("value secret attached pair keyed cookies source sentence code words program " +
		"flags input")
	traits = strings.Fields("single names values words labeled prose writes reads remote paths oracle expect")
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
