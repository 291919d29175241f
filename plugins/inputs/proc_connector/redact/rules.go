package redact

import (
	_ "embed" // the rules
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What is known of programs, names and tokens. Each file says how it is written.
//
//go:embed rules/programs.txt
var programRules string

//go:embed rules/names.txt
var nameRules string

//go:embed rules/tokens.txt
var tokenRules string

// The rules are part of the program, so that one that is wrong is a fault of the
// program: it does not start, and no test of it does.
var (
	programs, families = must(parsePrograms(programRules))
	words              = must1(parseWords(nameRules))
	shapesBy           = must1(parseShapes(tokenRules))
)

func must[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

func must1[A any](a A, err error) A {
	a, _ = must(a, 0, err)
	return a
}

// eachLine calls do with the fields of each line that is no comment, and whether
// the line is indented.
func eachLine(rules string, do func(fields []string, indented bool) error) error {
	rules = strings.ReplaceAll(rules, "\\\n", "")
	for line := range strings.Lines(rules) {
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

// parsePrograms returns the programs by their names, and the families of them.
func parsePrograms(rules string) (byName map[string]*program, alike []family, err error) {
	byName = make(map[string]*program)
	entry := func(name string) *program {
		if byName[name] == nil {
			byName[name] = &program{}
		}
		return byName[name]
	}
	var at []*program
	err = eachLine(rules, func(fields []string, indented bool) error {
		if !indented {
			at = at[:0]
			for _, name := range fields {
				p := entry(name)
				if p.known {
					return fmt.Errorf("%s was there before", name)
				}
				p.known = true
				at = append(at, p)
			}
			return nil
		}
		for _, p := range at {
			if err := p.learn(fields[0], fields[1:], entry); err != nil {
				return err
			}
		}
		return nil
	})
	for name, p := range byName {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			alike = append(alike, family{prefix, p})
			delete(byName, name)
		}
		if err == nil && !p.known {
			err = fmt.Errorf("%s is nowhere", name)
		}
	}
	return byName, alike, err
}

// learn takes a line about a program.
func (p *program) learn(what string, args []string, entry func(string) *program) error {
	if len(args) == 0 {
		return fmt.Errorf("nothing after %s", what)
	}
	if e, ok := expectations[what]; ok {
		p.options(e, args)
		return nil
	}
	var err error
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
			set(&p.after, word, entry(args[last]))
		}
	case "place":
		p.places = append(p.places, args)
		if len(p.places) > maxPlaces {
			err = fmt.Errorf("more than %d places", maxPlaces)
		}
	case "mark":
		p.marks += args[0]
	case "keys", "slash":
		m := map[string]*map[string]bool{"keys": &p.keys, "slash": &p.slash}[what]
		for _, name := range args {
			set(m, name, true)
		}
	case "is":
		for _, trait := range args {
			t, ok := traits[trait]
			if !ok {
				return fmt.Errorf("%s is unknown", trait)
			}
			p.is |= t
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
			set(&p.long, name, e)
			continue
		}
		for _, c := range []byte(arg[1:]) {
			p.short[c] = e
		}
	}
}

func set[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = v
}

// A list is words, as a set and in their order.
type list struct {
	set   map[string]bool
	order []string
}

func (l list) has(word []byte) bool { return l.set[string(word)] }

// parseWords returns the lists by their names.
func parseWords(rules string) (map[string]list, error) {
	lists := make(map[string]list)
	at := ""
	err := eachLine(rules, func(fields []string, _ bool) error {
		if fields[0][0] == '[' {
			at = strings.Trim(strings.Join(fields, " "), "[]")
			lists[at] = list{set: make(map[string]bool)}
			return nil
		}
		l, ok := lists[at]
		if !ok {
			return errors.New("words before the first list")
		}
		for _, word := range fields {
			if l.set[word] {
				return fmt.Errorf("%s was there before", word)
			}
			l.set[word] = true
		}
		l.order = append(l.order, fields...)
		lists[at] = l
		return nil
	})
	return lists, err
}

// wordList returns one of the lists.
func wordList(name string) list {
	l, ok := words[name]
	if !ok {
		panic("no list of words " + name)
	}
	return l
}

// parseShapes returns the shapes by their first byte.
func parseShapes(rules string) (by [256][]shape, err error) {
	err = eachLine(rules, func(fields []string, _ bool) error {
		prefix, err := strconv.Unquote(`"` + fields[0] + `"`)
		if err != nil || len(fields) < 3 {
			return errors.New("not a prefix, a length and a kind of characters")
		}
		s := shape{prefix: prefix, kind: len(kinds), mixed: len(fields) == 4 && fields[3] == "mixed"}
		for n, kind := range kinds {
			if kind.name == fields[2] {
				s.kind = n
			}
		}
		if s.kind == len(kinds) || len(fields) > 3 && !s.mixed {
			return errors.New("unknown characters")
		}
		s.least, err = strconv.Atoi(fields[1])
		by[prefix[0]] = append(by[prefix[0]], s)
		return err
	})
	return by, err
}
