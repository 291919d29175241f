package redact

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// expectations are what an option says of the next word, traits are true of all arguments.
var (
	expectations = strings.Fields("value secret attached pair keyed cookies source sentence code words program " +
		"flags input")
	traits = strings.Fields("single names values words labeled prose writes reads remote paths oracle expect")
	others = strings.Fields("separator wraps after place mark keys slash is")
)

// eachRule calls check with the fields of each line, and returns its error with the line.
func eachRule(rules string, check func(fields []string, indented bool) error) error {
	for _, line := range ruleLines(rules) {
		if err := check(strings.Fields(line), line[0] == ' '); err != nil {
			return fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return nil
}

// unique returns an error if a word was there before.
func unique(seen map[string]bool, words []string) error {
	for _, word := range words {
		if seen[word] {
			return fmt.Errorf("%s was there before", word)
		}
		seen[word] = true
	}
	return nil
}

func known(all []string, words ...string) error {
	for _, word := range words {
		if !slices.Contains(all, word) {
			return fmt.Errorf("%s is unknown", word)
		}
	}
	return nil
}

// checkPrograms returns what is wrong with rules about programs.
func checkPrograms(rules string) error {
	seen := make(map[string]bool)
	places := 0
	var after []string
	err := eachRule(rules, func(fields []string, indented bool) error {
		what, last := fields[0], fields[len(fields)-1]
		switch {
		case !indented:
			places = 0
			return unique(seen, fields)
		case len(fields) == 1:
			return fmt.Errorf("nothing after %s", what)
		case what == "is":
			return known(traits, fields[1:]...)
		case what == "wraps" && last != "anywhere":
			_, err := strconv.Atoi(last)
			return err
		case what == "after":
			after = append(after, last)
		case what == "place":
			if places++; places > maxPlaces {
				return fmt.Errorf("more than %d places", maxPlaces)
			}
		}
		return known(append(others, expectations...), what)
	})
	for _, name := range after {
		if err == nil && !seen[name] {
			err = fmt.Errorf("%s is nowhere", name)
		}
	}
	return err
}

// checkWords returns what is wrong with lists of words.
func checkWords(rules string) error {
	var seen map[string]bool
	return eachRule(rules, func(fields []string, _ bool) error {
		if line := strings.Join(fields, " "); line[0] == '[' && line[len(line)-1] == ']' {
			seen = make(map[string]bool)
			return nil
		}
		if seen == nil {
			return errors.New("words before the first list")
		}
		return unique(seen, fields)
	})
}

// checkShapes returns what is wrong with the shapes of tokens.
func checkShapes(rules string) error {
	return eachRule(rules, func(fields []string, _ bool) error {
		if len(fields) < 3 {
			return errors.New("not a prefix, a length and a kind of characters")
		}
		mixed := strings.Join(fields[3:], " ")
		if _, known := kinds[fields[2]]; !known || mixed != "" && mixed != "mixed" {
			return errors.New("unknown characters")
		}
		if prefix := strings.ReplaceAll(fields[0], `\x20`, " "); strings.Contains(prefix, `\`) {
			return fmt.Errorf("%s is not read", prefix)
		}
		_, err := strconv.Atoi(fields[1])
		return err
	})
}

// The rules are right, and a wrong one is an error that shows it.
func TestRules(t *testing.T) {
	require.NoError(t, checkPrograms(programRules))
	require.NoError(t, checkWords(nameRules))
	require.NoError(t, checkShapes(tokenRules))
	for rules, why := range map[string]string{
		"mysql\n  secrt -p\n":                              `"secrt -p": secrt is unknown`,
		"mysql\n  is nmes\n":                               `"is nmes": nmes is unknown`,
		"mysql\n  secret\n":                                `"secret": nothing after secret`,
		"mysql\n\npsql mysql\n":                            `"psql mysql": mysql was there before`,
		"mysql\n  after login @login\n":                    "@login is nowhere",
		"sudo\n  wraps one\n":                              `"wraps one": strconv.Atoi`,
		"a\n" + strings.Repeat("  place *\n", maxPlaces+1): "more than 8 places",
	} {
		require.ErrorContains(t, checkPrograms(rules), why)
	}
	for rules, why := range map[string]string{
		"word\n":       `"word": words before the first list`,
		"[a]\nb c b\n": `"b c b": b was there before`,
	} {
		require.ErrorContains(t, checkWords(rules), why)
	}
	for rules, why := range map[string]string{
		"AKIA 16\n":            `"AKIA 16": not a prefix, a length and a kind of characters`,
		"AKIA 16 uper\n":       `"AKIA 16 uper": unknown characters`,
		"AKIA 16 upper mixd\n": "unknown characters",
		"AKIA x upper\n":       "invalid syntax",
	} {
		require.ErrorContains(t, checkShapes(rules), why)
	}
}

// The file has every list that the code asks for.
func TestListsAreThere(t *testing.T) {
	code, err := os.ReadFile("rules.go")
	require.NoError(t, err)
	asked := regexp.MustCompile(`words\["([^"]+)"\]`).FindAllSubmatch(code, -1)
	require.NotEmpty(t, asked)
	for _, list := range asked {
		require.NotNil(t, words[string(list[1])], "%s", list[1])
	}
}

// All that can be said in the files is said in the comment of the first.
func TestRulesAreExplained(t *testing.T) {
	comment, _, _ := strings.Cut(programRules, "\n\n")
	for _, word := range append(others, expectations...) {
		require.Contains(t, comment, "\n#   "+word+" ")
	}
	for _, word := range traits {
		require.Regexp(t, `#   (is)? +`+word+` `, comment)
	}
}

// All words that tell a secret begin as one of the stems does: what has none is not looked at.
func TestStems(t *testing.T) {
	for _, l := range []*list{certainWords, likelyWords, certainLast, likelyLast, vagueLast} {
		for word := range l.words {
			require.True(t, hasStem([]byte(word)), word)
		}
		for _, p := range l.patterns {
			require.True(t, p.not || hasStem(p.text), "%s", p.text)
		}
	}
	for _, word := range []string{"key", "pat", "_auth"} {
		require.True(t, hasStem([]byte(word)), word)
	}
}

// A program is known by its name with a version or an extension too, and x* stands
// for all whose names begin with x.
func TestProgramOf(t *testing.T) {
	for name, same := range map[string]string{
		"/usr/bin/python3.11": "python", "pypy3": "pypy", "-bash": "bash", "perl5.36.0": "perl", "/opt/http.py": "http", "jenkins-cli-2.401.jar": "jenkins-cli",
		"pt-kill": "pt-heartbeat", "tpm2_create": "tpm2_unseal", "mysqldump": "mysql", "mariadb-backup": "mysql",
	} {
		require.NotSame(t, unknown, programOf([]byte(name)), name)
		require.Equal(t, programOf([]byte(same)), programOf([]byte(name)), name)
	}
	for _, name := range []string{"", "/", "-", "manage.py", "3.11", "mysqlx", "mysql-0", "pt"} {
		require.Same(t, unknown, programOf([]byte(name)), name)
	}
}
