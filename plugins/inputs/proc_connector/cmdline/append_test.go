package cmdline

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// raw joins arguments as the kernel does.
func raw(args ...string) []byte {
	var b []byte
	for _, arg := range args {
		b = append(append(b, arg...), 0)
	}
	return b
}

func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"plain", []string{"/usr/bin/rsync", "-a", "--rsh=ssh", "a@b:c", "x_y,z+1%"}, "/usr/bin/rsync -a --rsh=ssh a@b:c x_y,z+1%"},
		{"no arguments", nil, ""},
		{"one empty argument", []string{""}, "''"},
		{"empty arguments", []string{"a", "", ""}, "a '' ''"},
		{"blank", []string{"sh", "-c", "sleep 1; exit 3"}, "sh -c 'sleep 1; exit 3'"},
		{"one argument is not two", []string{"a b", "c"}, "'a b' c"},
		{"quote", []string{"echo", "it's"}, `echo 'it'\''s'`},
		{"only a quote", []string{"'"}, `''\'''`},
		{"double quote, dollar, backquote, backslash", []string{"echo", "\"$x`y`\\"}, "echo '\"$x`y`\\'"},
		{"tilde and number sign", []string{"ls", "~", "#", "a#", "~root"}, "ls '~' '#' 'a#' '~root'"},
		{"glob and brace", []string{"ls", "*.go", "[a]", "{a,b}", "?"}, "ls '*.go' '[a]' '{a,b}' '?'"},
		{"what looks like an option of the shell", []string{"!", "^a^b", "a&b", ">f"}, "'!' '^a^b' 'a&b' '>f'"},

		{"assignment first", []string{"a=b", "c=d"}, "'a=b' c=d"},
		{"keyword first", []string{"time", "time"}, "'time' time"},

		{"line break", []string{"a", "b\nc"}, `a $'b\nc'`},
		{"tab and carriage return", []string{"\t", "\r"}, `$'\t' $'\r'`},
		{"escape sequence", []string{"\x1b[2J"}, `$'\x1b[2J'`},
		{"delete", []string{"\x7f"}, `$'\x7f'`},
		{"hex digit after an escape", []string{"\x01f"}, `$'\x01f'`},
		{"quote and backslash within an escaped one", []string{"\n'\\n"}, `$'\n\'\\n'`},
		{"C1 control", []string{"\u0085", "\u009b1m"}, `$'\u0085' $'\u009b1m'`},
		{"line and paragraph separator", []string{"\u2028\u2029"}, `$'\u2028\u2029'`},
		{"bidirectional override", []string{"a\u202eb"}, `$'a\u202eb'`},
		{"zero width", []string{"a\u200bb", "\ufeffa"}, `$'a\u200bb' $'\ufeffa'`},
		{"blank that is none", []string{"a\u00a0b", "\u3000"}, `$'a\u00a0b' $'\u3000'`},
		{"letters that show nothing", []string{"\u3164", "\u2800", "a\ufe0f", "\u034f"}, `$'\u3164' $'\u2800' $'a\ufe0f' $'\u034f'`},
		{"private use and unassigned", []string{"\ue000", "\u0378"}, `$'\ue000' $'\u0378'`},
		{"beyond the first plane", []string{"\U000e0041"}, `$'\U000e0041'`},

		{"letters of any script", []string{"größe", "日本語", "Ελλάδα", "😀"}, "größe 日本語 Ελλάδα 😀"},
		{"letters and a blank", []string{"größe 1"}, "'größe 1'"},
		{"not UTF-8", []string{"a\xff\xfeb", "\xc3"}, "a\ufffd\ufffdb \ufffd"},
		{"surrogate half", []string{"\xed\xa0\x80"}, "\ufffd\ufffd\ufffd"},
		{"not UTF-8, quoted and escaped", []string{"\xff ", "\xff\n"}, "'\ufffd ' $'\ufffd\\n'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(Append(nil, raw(tt.args...), 1024)))
			require.Equal(t, tt.want, string(Append(nil, raw(tt.args...), math.MaxInt)))
		})
	}
}

// What the kernel gave may end without a NUL: the buffer was too small, or the
// process overwrote its arguments.
func TestAppendWithoutLastNUL(t *testing.T) {
	require.Equal(t, "a bc", string(Append(nil, []byte("a\x00bc"), 80)))
	require.Equal(t, "a ''", string(Append(nil, []byte("a\x00\x00"), 80)))
	require.Equal(t, "'' a", string(Append(nil, []byte("\x00a"), 80)))
}

func TestAppendKeepsDst(t *testing.T) {
	require.Equal(t, "cmd: ls -l", string(Append([]byte("cmd: "), raw("ls", "-l"), 5)))
	require.Equal(t, "cmd: l…", string(Append([]byte("cmd: "), raw("ls", "-l"), 4)))
	require.Equal(t, "cmd: ls", string(AppendProgram([]byte("cmd: "), raw("ls", "-l"), 2)))
	require.Equal(t, "cmd: ", string(Append([]byte("cmd: "), raw("ls", "-l"), 0)))
}

func TestAppendCut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		args  []string
		limit int
		want  string
	}{
		{"fits exactly", []string{"abc", "def"}, 7, "abc def"},
		{"one too long", []string{"abc", "defg"}, 7, "abc …"},
		{"within the next to last argument", []string{"abcdefg", "h", "i"}, 10, "abcdefg…"},
		{"last argument empty", []string{"abcdef", ""}, 8, "abcde…"},
		{"at the blank", []string{"abc", "defgh"}, 6, "abc…"},
		{"within a character", []string{"aöööö"}, 7, "aö…"},
		{"within a wide character", []string{"a😀😀"}, 8, "a😀…"},
		{"after the opening quote", []string{"a", "b cdefgh"}, 6, "a '…"},
		{"within a quote's escape", []string{"a'bc d"}, 8, "'a…"},
		{"within an escape", []string{"a\x1bbcdefg"}, 9, "$'a…"},
		{"after an escape", []string{"a\x1bbcdefg"}, 10, `$'a\x1b…`},
		{"within a long escape", []string{"\u202eabcdefg"}, 10, "$'…"},
		{"after a long escape", []string{"\u202eabcdefg"}, 11, `$'\u202e…`},
		{"within the longest escape", []string{"\U000e0041ab"}, 14, "$'…"},
		{"before the closing quote", []string{"a bc"}, 5, "'a…"},
		{"room for nothing else", []string{"abcd"}, 3, "…"},
		{"no room for the mark", []string{"abcd"}, 2, ""},
		{"short enough for no mark", []string{"ab"}, 2, "ab"},
		{"nothing", []string{"abcd"}, 0, ""},
		{"less than nothing", []string{"abcd"}, -1, ""},
		{"argument that is longer than what is looked at", []string{strings.Repeat("a", 100)}, 10, "aaaaaaa…"},
		{"many empty arguments", make([]string, 100), 10, "'' '' '…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(Append(nil, raw(tt.args...), tt.limit)))
		})
	}
}

// More than raw was there, and the line says so.
func TestAppendBeginning(t *testing.T) {
	for _, tt := range []struct {
		name  string
		raw   string
		limit int
		want  string
	}{
		{"fits", "ls\x00-l\x00", 80, "ls -l…"},
		{"fits exactly", "ls\x00-l\x00", 8, "ls -l…"},
		{"fits without the mark", "ls\x00-l\x00", 7, "ls -…"},
		{"does not fit", "ls\x00-l\x00", 4, "l…"},
		{"within an argument", "echo\x00a b", 80, "echo 'a b'…"},
		{"within a wide character", "a😀", 6, "a…"},
		{"nothing", "", 80, "…"},
		{"no room for the mark", "ls\x00", 2, ""},
		{"no room", "ls\x00", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(AppendBeginning(nil, []byte(tt.raw), tt.limit)))
		})
	}
	require.Equal(t, "cmd: ls…", string(AppendBeginning([]byte("cmd: "), []byte("ls"), 80)))
}

func TestAppendProgram(t *testing.T) {
	for _, tt := range []struct {
		name  string
		raw   string
		limit int
		want  string
	}{
		{"only the first", "/bin/ls\x00-l\x00", 80, "/bin/ls"},
		{"alone", "ls\x00", 80, "ls"},
		{"without NUL", "ls", 80, "ls"},
		{"empty", "\x00-l\x00", 80, "''"},
		{"none", "", 80, ""},
		{"quoted", "my prog\x00-l\x00", 80, "'my prog'"},
		{"assignment", "a=b\x00-l\x00", 80, "'a=b'"},
		{"cut", "/bin/ls\x00-l\x00", 6, "/bi…"},
		{"fits though the rest does not", "/bin/ls\x00-l\x00", 7, "/bin/ls"},
		{"nothing", "ls\x00", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(AppendProgram(nil, []byte(tt.raw), tt.limit)))
		})
	}
}

// However long a command line is, no more than this is looked at.
func TestClip(t *testing.T) {
	long := bytes.Repeat([]byte{'a'}, 2<<20)
	require.Len(t, clip(long, 1024), 1024+1+utf8.UTFMax)
	require.Len(t, clip(long, len(long)), len(long))
	require.Equal(t, []byte("ab"), clip([]byte("ab\x00"), 1024))
	require.Equal(t, []byte("ab\x00"), clip([]byte("ab\x00\x00"), 1024))
}

func TestAppendAllocatesNothing(t *testing.T) {
	const limit = 1024
	dst := make([]byte, 0, limit)
	for name, args := range map[string][]byte{
		"usual":    usual,
		"long":     raw(strings.Repeat("program", 20), strings.Repeat("x", 2<<20)),
		"escaped":  raw(strings.Repeat("\u202e\x1b", 500)),
		"quoted":   raw(strings.Repeat("it's ", 500)),
		"not UTF8": raw(strings.Repeat("\xff", 2000)),
		"full":     raw(strings.Repeat("x", limit)),
	} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(100, func() { dst = Append(dst[:0], args, limit) }))
			require.NotEmpty(t, dst)
			require.Zero(t, testing.AllocsPerRun(100, func() { dst = AppendProgram(dst[:0], args, limit) }))
			require.NotEmpty(t, dst)
		})
	}
}

var usual = raw(
	"/usr/lib/jvm/java-21-openjdk/bin/java", "-Xmx4g", "-Dlog.path=/var/log/app", "-cp", "/opt/app/lib/*",
	"org.example.Main", "--name", "blue whale",
)

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 4096)
	for _, bb := range []struct {
		name string
		raw  []byte
	}{
		{"usual", usual},
		{"2MiB", raw("/usr/bin/cc", strings.Repeat("-I/usr/include ", 2<<20/15))},
		{"2MiBEscaped", raw(strings.Repeat("\u202e\n", 2<<20/4))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = Append(dst[:0], bb.raw, 1024)
			}
		})
	}
}
