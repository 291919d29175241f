//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// What a variable holds becomes part of the value that it stands in, as it is,
// whatever the kind of quotes: nothing of it is TOML, and nothing of it is lost.
func TestEnvironment(t *testing.T) {
	const threeQuotes = `'''`
	for name, value := range map[string]string{
		"EXPRESSION": `^emp-(\d{6})"?\\$`,
		"QUOTES":     `'"""\` + threeQuotes + "`, threads = true #",
		"LINES":      "a\r\n\tb\n[x]\n",
		"NESTED":     "${NOT_LOOKED_AT} $${",
		"NUMBER":     "65536",
		"FLAG":       "true",
		"WORD":       "pid",
		"EMPTY":      "",
	} {
		t.Setenv("PC_"+name, value)
	}
	expression, quotes, lines := os.Getenv("PC_EXPRESSION"), os.Getenv("PC_QUOTES"), os.Getenv("PC_LINES")
	type values struct {
		Value  string
		Values []string
		Number int
		Flag   bool
	}
	for name, tt := range map[string]struct {
		text string
		want values
	}{
		"single quotes":           {`value = '${PC_EXPRESSION}'`, values{Value: expression}},
		"double quotes":           {`value = "${PC_EXPRESSION}"`, values{Value: expression}},
		"three single quotes":     {"value = '''\n${PC_EXPRESSION}\n'''", values{Value: expression + "\n"}},
		"three double quotes":     {"value = \"\"\"\n${PC_EXPRESSION}\"\"\"", values{Value: expression}},
		"quotes in single quotes": {`value = '${PC_QUOTES}'`, values{Value: quotes}},
		"quotes in double quotes": {`value = "${PC_QUOTES}"`, values{Value: quotes}},
		"quotes in three":         {"value = '''${PC_QUOTES}'''", values{Value: quotes}},
		"lines in single quotes":  {`value = '${PC_LINES}'`, values{Value: lines}},
		"lines in double quotes":  {`value = "${PC_LINES}"`, values{Value: lines}},
		"with other text":         {`value = 'a\${PC_WORD}\b$'`, values{Value: `a\pid\b$`}},
		"with escapes":            {`value = "\"${PC_WORD}\\"`, values{Value: `"pid\`}},
		"several":                 {`value = "${PC_WORD}${PC_WORD}-${PC_EMPTY}"`, values{Value: "pidpid-"}},
		"in lists": {
			"values = [\n  'p', # ${NONE}\n  '${PC_WORD}', \"${PC_QUOTES}\",\n]",
			values{Values: []string{"p", "pid", quotes}},
		},
		"what it holds stays":         {`value = '${PC_NESTED}'`, values{Value: "${NOT_LOOKED_AT} $${"}},
		"trailing comment":            {`value = 'x' # ${NONE} "${NONE}`, values{Value: "x"}},
		"comment line":                {"# value = '${NONE}'\n\t# ${NONE}\nvalue = 'x'", values{Value: "x"}},
		"no comment in quotes":        {`value = '# ${PC_WORD}'`, values{Value: "# pid"}},
		"no comment in three":         {"value = '''\n# ${PC_WORD}'''", values{Value: "# pid"}},
		"number":                      {"number = ${PC_NUMBER}", values{Number: 65536}},
		"boolean and comment":         {"flag = ${PC_FLAG} # ${NONE}\nnumber=${PC_NUMBER}", values{Flag: true, Number: 65536}},
		"bare after other letters":    {"value = 'größe'\r\nflag = ${PC_FLAG}\r\n", values{Value: "größe", Flag: true}},
		"bare with a byte order mark": {"\ufeffflag = ${PC_FLAG}", values{Flag: true}},
		"bare default":                {"number = ${NONE:-7}", values{Number: 7}},
		"default":                     {`value = "${NONE:-a b}${PC_EMPTY:-c}${NONE-d}${PC_EMPTY-e}${PC_WORD:-f}"`, values{Value: "a bcdpid"}},
		"required":                    {`value = "${PC_WORD:?is missing}"`, values{Value: "pid"}},
		"itself":                      {`value = "$${PC_WORD} ${"`, values{Value: "${PC_WORD} ${"}},
		"dollars of an expression":    {`value = '^a$|(b)$${2}|${1}|$c'`, values{Value: "^a$|(b)${2}|${1}|$c"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := expandBare(strings.TrimPrefix(tt.text, "\ufeff"))
			require.NoError(t, err)
			var root toml.Primitive
			meta, err := toml.Decode(text, &root)
			require.NoError(t, err)
			require.NoError(t, expandStrings(meta, root))
			var got values
			require.NoError(t, meta.PrimitiveDecode(root, &got))
			require.Equal(t, tt.want, got)
		})
	}
}

// The plugin gets what the file says.
func TestLoadPluginEnvironment(t *testing.T) {
	t.Setenv("PC_EXPRESSION", `^emp-(\d{6})$`)
	t.Setenv("PC_COMMAND", "p[a-z]ql")
	t.Setenv("PC_SIZE", "65536")
	t.Setenv("PC_THREADS", "true")
	p, err := loadPlugin(write(t, "\ufeff"+`[[inputs.proc_connector]] # ${NONE}
  redact = ['${PC_EXPRESSION}', "${PC_EXPRESSION}"] # for ${NONE}
  command_include = ["${PC_COMMAND}", '${PC_COMMAND}?']
  receive_buffer = ${PC_SIZE}
  threads = ${PC_THREADS}
  command_expiry = "${PC_EXPIRY:-90m}"
`), testutil.Logger{})
	require.NoError(t, err)
	require.Equal(t, []string{`^emp-(\d{6})$`, `^emp-(\d{6})$`}, p.Redact)
	require.Equal(t, []string{"p[a-z]ql", "p[a-z]ql?"}, p.CommandInclude)
	require.EqualValues(t, 65536, p.ReceiveBuffer)
	require.True(t, p.Threads)
	require.Equal(t, 90*time.Minute, time.Duration(p.CommandExpiry))
}

func TestEnvironmentRefuses(t *testing.T) {
	t.Setenv("PC_EMPTY", "")
	t.Setenv("PC_WORD", "pid")
	t.Setenv("PC_TWO", "true\nrepair = false")
	t.Setenv("PC_COMMENT", "true # so")
	t.Setenv("PC_LIST", `["pid"]`)
	for name, tt := range map[string]struct{ line, want string }{
		"not set":                {`redact = ['${PC_NONE}']`, "redact: environment variable PC_NONE is not set"},
		"not set, in a list":     {`redact = ['x', "${PC_NONE}"]`, "redact: environment variable PC_NONE is not set"},
		"not set and bare":       {`threads = ${PC_NONE}`, "line 3: environment variable PC_NONE is not set"},
		"two that are not set":   {`arguments = "${PC_NONE}${PC_NONE_TOO}"`, "environment variable PC_NONE is not set"},
		"empty":                  {`arguments = "${PC_EMPTY:?}"`, "environment variable PC_EMPTY is empty or not set"},
		"required":               {`arguments = "${PC_NONE?say what to show}"`, "environment variable PC_NONE is not set: \"say what to show\""},
		"bare text":              {`arguments = ${PC_WORD}`, "line 3: the value of ${PC_WORD} is no number, true or false: put quotes around it"},
		"bare and empty":         {`threads = ${PC_EMPTY}`, "line 3: the value of ${PC_EMPTY} is no number"},
		"bare with another line": {`threads = ${PC_TWO}`, "line 3: the value of ${PC_TWO} is no number"},
		"bare with a comment":    {`threads = ${PC_COMMENT}`, "line 3: the value of ${PC_COMMENT} is no number"},
		"bare list":              {`exec_fields = ${PC_LIST}`, "line 3: the value of ${PC_LIST} is no number"},
		"as a key":               {`${PC_WORD} = true`, "line 3: the value of ${PC_WORD} is no number"},
		"as a quoted key":        {`"${PC_WORD}" = true`, `"${PC_WORD}" is no option`},
		"part of a bare value":   {`max_commands = 1${PC_WORD}`, "line 3"},
		"unknown form":           {`arguments = "${PC_WORD:+x}"`, `"${PC_WORD:+x}" is not understood, allowed are ${NAME}, ${NAME:-default}`},
		"variable in a default":  {`arguments = "${PC_NONE:-${PC_WORD}}"`, "is not understood"},
		"wrong type, and line":   {"command_expiry = \"${PC_NONE:-1h}\"\n  threads = 'yes'", "line 4"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, "\n[[inputs.proc_connector]]\n  "+tt.line+"\n")
			_, err := loadPlugin(file, testutil.Logger{})
			require.ErrorContains(t, err, file+": ")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\n", "one line")
		})
	}
}
