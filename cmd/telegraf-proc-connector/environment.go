package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// variable is ${NAME}, ${NAME-default} or ${NAME?error}, the latter two also with a colon, or
// $${, which is ${ itself. A bare $ may well stand in an option, as in a regular expression.
var variable = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_]\w*)(:?)([-?]?)([^}]*)\}`)

// expandString replaces the environment variables in a string. The forms are those of
// Telegraf's own configuration.
func expandString(s string) (string, error) {
	var failed error // the first
	expanded := variable.ReplaceAllStringFunc(s, func(match string) string {
		value, err := lookup(match)
		failed = cmp.Or(failed, err)
		return value
	})
	return expanded, failed
}

// lookup returns what a match of variable stands for. With a colon an empty environment
// variable is as one that is not set.
func lookup(match string) (string, error) {
	parts := variable.FindStringSubmatch(match)
	name, colon, operator, text := parts[1], parts[2] != "", parts[3], parts[4]
	value, set := os.LookupEnv(name)
	problem := "not set"
	if colon {
		set, problem = value != "", "empty or not set"
	}
	switch {
	case match == "$${":
		return "${", nil
	case strings.Contains(text, "${"), operator == "" && (colon || text != ""):
		return "", fmt.Errorf("%q is not understood, allowed are ${NAME}, ${NAME:-default} and ${NAME:?error}, "+
			"and $${ for ${ itself", match)
	case set:
		return value, nil
	case operator == "-":
		return text, nil
	case text != "":
		return "", fmt.Errorf("environment variable %s is not set: %q", name, text)
	}
	return "", fmt.Errorf("environment variable %s is %s", name, problem)
}

// expandBare replaces the environment variables that stand where TOML wants a value and that
// have no quotes: numbers and booleans. TOML's own parser finds them, because it stops at
// each; in strings and comments it stops at none.
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

// expandStrings replaces the environment variables in the strings of a section of the file,
// and in those of its lists. That has been parsed, so whatever a variable holds stays in its
// string, comments are not looked at, and errors know their lines.
func expandStrings(meta toml.MetaData, section toml.Primitive) error {
	var table any // the decoder's own, from which it decodes later
	if err := meta.PrimitiveDecode(section, &table); err != nil {
		return err
	}
	options, _ := table.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		var err error
		if options[key], err = expand(options[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// expand expands a value of TOML that is a string, or a list.
func expand(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		return expandString(v)
	case []any:
		for i := range v {
			if v[i], err = expand(v[i]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}
