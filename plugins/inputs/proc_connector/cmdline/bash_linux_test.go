package cmdline

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// bash runs a script in a UTF-8 locale, without which \u is not read, and
// without programs, so that every command's name is unknown.
func bash(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "--noprofile", "--norc")
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/nonexistent", "HOME=/home/of"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	require.Empty(t, stderr.String())
	return string(out)
}

func TestBashReadsBack(t *testing.T) {
	const randoms = 1000
	chosen := [][]string{
		{""}, {"", ""}, {"~"}, {"~root"}, {"#"}, {"a=~"}, {"a=~/b", "c:~"}, {"-n"}, {"--"}, {"!"}, {"!!"}, {"{a,b}"}, {"'"}, {"\\"},
		{"\\n", "\n"}, {"$HOME", "`id`", "$(id)"}, {"*", "?", "[a-z]"}, {"\x01", "\x7f", "\x01\x7f"}, {"\u0080\u009f\u00ff"}, {"%1"},
		{"\U0010ffff"}, {"\u202e\u2066\u2028"}, {"é", "e\u0301", "日本語", "😀"}, {"\x1f0"}, {"\u200bf"}, {"\U000e0001a"},
	}
	lists := make([][]string, 0, len(chosen)+randoms)
	lists = append(lists, chosen...)
	random := rand.New(rand.NewPCG(1, 2))
	for range randoms {
		lists = append(lists, randomArgs(random))
	}

	const limit = 1 << 16
	var script, want strings.Builder
	for _, args := range lists {
		line := Append(nil, raw(args...), limit)
		require.Less(t, len(line), limit, "the list is too long for this test")
		script.WriteString("set -- ")
		script.Write(line)
		script.WriteString("\nprintf '%s\\0' \"$#\" \"$@\"\n")

		want.WriteString(strconv.Itoa(len(args)) + "\x00")
		want.Write(raw(args...))
	}
	require.Equal(t, want.String(), bash(t, script.String()))
}

// The first argument has to be a command's name for bash too.
func TestBashReadsBackCommand(t *testing.T) {
	var script, want strings.Builder
	script.WriteString("command_not_found_handle() { printf '%s\\0' \"$@\"; }\n")
	for _, name := range []string{
		"prog", "a=b", "a+=b", "_x=", "=", "a%1", "if", "then", "elif", "else", "fi", "time", "for", "in", "until", "while", "do",
		"done", "case", "esac", "coproc", "select", "function", "{", "}", "[[", "!", "~", "#", "(", "-x", "@", ",", "größe", "a\nb", "my prog",
	} {
		args := raw(name, "a=b", "if")
		script.Write(Append(nil, args, 1024))
		script.WriteString("\n")
		want.Write(args)
	}
	require.Equal(t, want.String(), bash(t, script.String()))
}

func randomArgs(random *rand.Rand) []string {
	special := []rune(" \t\n\r'\"\\$`!#~*?[]{}()<>|&;=%^@:,./-_+0aAfxnuU\x01\x1b\x7f\u0085\u00a0é\u0301\u200b\u2028\u202e日\ufeff\ufffd😀\U000e0001")
	args := make([]string, 1+random.IntN(5))
	for i := range args {
		var b strings.Builder
		for range random.IntN(12) {
			switch random.IntN(4) {
			case 0: // any character but NUL
				r := 1 + random.Int32N(utf8.MaxRune)
				if utf8.ValidRune(r) {
					b.WriteRune(r)
				}
			case 1: // ASCII
				b.WriteRune(1 + random.Int32N(0x7f))
			default:
				b.WriteRune(special[random.IntN(len(special))])
			}
		}
		args[i] = b.String()
	}
	return args
}
