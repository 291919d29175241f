package redact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpressions(t *testing.T) {
	r, err := New([]string{`emp-(\d+)`, `(?i)internal`, `^x*`, `(zz)|(b)yy`})
	require.NoError(t, err)
	require.Equal(t, "id␀emp-***␀***␀***.example␀a***␀***yy␀--password␀***␀",
		printable(redacted(r, raw("id", "emp-4711", "xxx", "INTERNAL.example", "azz", "byy", "--password", "x1"))))

	for expression, why := range map[string]string{
		"(":      `"(" is no regular expression: error parsing regexp: missing closing ): ` + "`(`",
		`(?!a)b`: `"(?!a)b" is no regular expression: error parsing regexp: invalid or unsupported Perl syntax`,
		`a`:      "",
	} {
		_, err := New([]string{"fine", expression})
		if why == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, why)
	}
}

// Each group that took part in a match is masked, and the whole match if none did.
func TestExpressionGroups(t *testing.T) {
	for _, c := range []struct{ expression, given, want string }{
		{`--pin=(\d+)|--tan=(\d+)`, "--pin=1234", "--pin=***"},
		{`--pin=(\d+)|--tan=(\d+)`, "--tan=1234", "--tan=***"},
		{`(?:--pin=(\d+)|--tan=(\d+)|EMP-\d+)`, "EMP-1234", "***"},
		{`^(a+)-x-(b+)$`, "aa-x-bb", "***-x-***"},
		{`^(a+)-x(-y)?-(b+)$`, "aa-x-bb", "***-x-***"},
		{`^(a+(b+))c`, "aabbcd", "***cd"},
		{`x(y?)z`, "xz", "xz"}, // it took part, and is empty
		{`EMP-\d{6}`, "EMP-123456 EMP-654321", "*** ***"},
		{`a|(b)`, "ab", "***"},
		// "." is a line break too, and "$" the end of the argument only.
		{`^--customer=(.*)$`, "--customer=a\nb", "--customer=***"},
		{`^--customer=(.*)$`, "--customer=\n", "--customer=***"},
		{`^--customer=([^,]*)`, "--customer=a\nb,c", "--customer=***,c"},
		{`(?-s)^--customer=(.*)`, "--customer=a\nb", "--customer=***\nb"},
		{`(?m)^k=(.*?)$`, "k=a\nl=b", "k=***\nl=b"},
		{`x.(?i:Y)`, "x\ny", "***"},
	} {
		r, err := New([]string{c.expression})
		require.NoError(t, err)
		require.Equal(t, printable(raw(c.want)), printable(redacted(r, raw(c.given))), "%s", c.expression)
	}
}

// What can never mask anything is an error, as far as that can be known.
func TestExpressionsThatMatchNothing(t *testing.T) {
	for _, expression := range []string{
		``, `^`, `$`, `^$`, `()`, `\b`, `a{0}`, `^*`, `(?:)`, `|`, // nothing but the empty string
		"--customer\x00(.*)", `--customer\x00(.*)`, `\x00+`, `[\x00]a`, `a\0`, // NUL
		`a^b`, `--customer ^(.*)`, `a\Ab`, `b$a`, `x\zy`, `(a|b)^c`, `(?:a$)+b`, `.$.`, // the beginning after, the end before
		`(?m)a^b`, `(?m)a$b`, `[^\x00-\x{10FFFF}]`, // no line break there; no character at all
	} {
		_, err := New([]string{expression})
		require.ErrorContains(t, err, "masks nothing", "%q", expression)
	}
	for _, expression := range []string{
		`a`, `^a`, `a$`, `^a$`, `a*`, `^a*$`, `(^|,)a`, `a($|,)`, `(?m)a\n^b`, `(?m)a$\nb`, `(?m)a[^b]^c`, `(?m)a$.b`, `\x00?a`, `[\x00a]`, `\bа\b`,
		`^^a`, `a$$`, `(?:^a)+`, `--customer (.*)`, `.`, `\s`, `\n`, `(?m)^$\n`, `[^a]`, `\B` + `a`, `a|\x00`,
	} {
		_, err := New([]string{expression})
		require.NoError(t, err, "%q", expression)
	}
}
