package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wrong returns the error with which reading rules ends the program.
func wrong(parse func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	parse()
	return nil
}

// A wrong rule is an error that shows it. That the rules themselves are right is
// sure when this package runs at all.
func TestRules(t *testing.T) {
	for rules, why := range map[string]string{
		"mysql\n  secrt -p\n":                              `"secrt -p": secrt is unknown`,
		"mysql\n  is nmes\n":                               `"is nmes": nmes is unknown`,
		"mysql\n  secret\n":                                `"secret": nothing after secret`,
		"mysql\n\npsql mysql\n":                            `"psql mysql": mysql was there before`,
		"mysql\n  after login @login\n":                    "@login is nowhere",
		"sudo\n  wraps one\n":                              `"wraps one": strconv.Atoi`,
		"a\n" + strings.Repeat("  place *\n", maxPlaces+1): "more than 8 places",
	} {
		require.ErrorContains(t, wrong(func() { parsePrograms(rules) }), why)
	}
	for rules, why := range map[string]string{
		"word\n":       `"word": words before the first list`,
		"[a]\nb c b\n": `"b c b": b was there before`,
	} {
		require.ErrorContains(t, wrong(func() { parseWords(rules) }), why)
	}
	for rules, why := range map[string]string{
		"AKIA 16\n":            `"AKIA 16": not a prefix, a length and a kind of characters`,
		"AKIA 16 uper\n":       `"AKIA 16 uper": unknown characters`,
		"AKIA 16 upper mixd\n": "unknown characters",
		"AKIA x upper\n":       "invalid syntax",
	} {
		require.ErrorContains(t, wrong(func() { parseShapes(rules) }), why)
	}
}

// expectations are what an option says of the next word, traits are true of all arguments.
var (
	expectations = strings.Fields("value secret attached pair keyed cookies source sentence code words program " +
		"flags input")
	traits = strings.Fields("single names values words labeled prose writes reads remote paths oracle expect")
)

// All that can be said in the files is said in the comment of the first.
func TestRulesAreExplained(t *testing.T) {
	comment, _, _ := strings.Cut(programRules, "\n\n")
	for _, word := range expectations {
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
