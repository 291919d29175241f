package redact

import (
	"bytes"
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
