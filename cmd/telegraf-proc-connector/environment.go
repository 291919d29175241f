package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// variable is ${NAME}, with what may stand behind the name, or $${, which is ${
// itself. A bare $ may well stand in an option, as in a regular expression.
var variable = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_]\w*)([^}]*)\}`)

// expandString replaces the environment variables in a string. The forms are
// those of Telegraf's own configuration.
func expandString(s string) (string, error) {
	var failed error // the first
	expanded := variable.ReplaceAllStringFunc(s, func(match string) string {
		if match == "$${" {
			return "${"
		}
		parts := variable.FindStringSubmatch(match)
		value, err := lookup(parts[1], parts[2])
		if failed == nil {
			failed = err
		}
		return value
	})
	return expanded, failed
}

// lookup returns an environment variable, or what stands behind its name for the
// case that it is missing.
func lookup(name, rest string) (string, error) {
	value, ok := os.LookupEnv(name)
	operator, empty := rest, strings.HasPrefix(rest, ":")
	if empty {
		operator, ok = rest[1:], ok && value != ""
	}
	switch {
	case strings.Contains(rest, "${"), rest != "" && !strings.HasPrefix(operator, "-") && !strings.HasPrefix(operator, "?"):
		return "", fmt.Errorf("%q is not understood, allowed are ${NAME}, ${NAME:-default} and ${NAME:?error}, and $${ for ${ itself",
			"${"+name+rest+"}")
	case ok:
		return value, nil
	case strings.HasPrefix(operator, "-"):
		return operator[1:], nil
	case len(operator) > 1:
		return "", fmt.Errorf("environment variable %s is not set: %q", name, operator[1:])
	case empty:
		return "", fmt.Errorf("environment variable %s is empty or not set", name)
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

// expandBare replaces the environment variables that stand where TOML wants a
// value and that have no quotes: numbers and booleans. TOML's own parser finds
// them, because it stops at each; in strings and comments it stops at none.
func expandBare(text string) (string, error) {
	for {
		var parse toml.ParseError
		if _, err := toml.Decode(text, new(map[string]any)); !errors.As(err, &parse) {
			return text, nil
		}
		at := min(parse.Position.Start, len(text))
		found := variable.FindString(text[at:])
		if found == "" || !strings.HasPrefix(text[at:], found) {
			return text, nil // there is another error, which is reported in its turn
		}
		value, err := expandString(found)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", parse.Position.Line, err)
		}
		if !isBare(value) {
			return "", fmt.Errorf("line %d: the value of %s is no number, true or false: put quotes around it", parse.Position.Line, found)
		}
		text = text[:at] + value + text[at+len(found):]
	}
}

// isBare reports whether a text is a number or a boolean, and nothing else.
func isBare(text string) bool {
	var one struct{ Value any }
	if _, err := toml.Decode("value = "+text, &one); err != nil || strings.ContainsAny(text, "#\n") {
		return false
	}
	switch one.Value.(type) {
	case bool, int64, float64:
		return true
	}
	return false
}

// expandStrings replaces the environment variables in the strings of a part of the
// file. That has been parsed, so whatever a variable holds stays in its string,
// comments are not looked at, and errors know their lines.
func expandStrings(meta toml.MetaData, part toml.Primitive) error {
	var e expansion
	err := meta.PrimitiveDecode(part, &e)
	if e.err != nil {
		return e.err // without the line of the section, which is not that of the string
	}
	return err
}

// An expansion takes the tree that the decoder has parsed, from which the decoder
// decodes later, and changes it.
type expansion struct{ err error }

// UnmarshalTOML implements toml.Unmarshaler.
func (e *expansion) UnmarshalTOML(tree any) error {
	_, e.err = expandTree(tree)
	return e.err
}

func expandTree(tree any) (any, error) {
	var err error
	switch t := tree.(type) {
	case string:
		return expandString(t)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(t)) {
			if t[key], err = expandTree(t[key]); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
	case []map[string]any:
		for _, table := range t {
			if _, err := expandTree(table); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range t {
			if t[i], err = expandTree(t[i]); err != nil {
				return nil, err
			}
		}
	}
	return tree, nil
}
