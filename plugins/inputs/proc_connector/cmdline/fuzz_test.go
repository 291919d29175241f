package cmdline

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzAppend(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "ls\x00-l\x00", "a b\x00", "it's\x00", "\x1b[2J\x00\x00\x00", "\xff\xfe\n\x00", "größe\x00\u202e\u2028\x00",
		"a=b\x00time\x00", "time\x00", "\U000e0041\U0001f600\x00", "'\\\n'\x00", "~\x00#\x00", "\u3164\u2800",
	} {
		for _, limit := range []int{0, 2, 3, 7, 20, 1024} {
			f.Add([]byte(seed), limit)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, limit int) {
		args := arguments(raw)
		whole := Append(nil, raw, math.MaxInt)
		requireVisible(t, string(whole))
		require.Equal(t, args, unquote(t, string(whole)))
		require.GreaterOrEqual(t, len(whole), len(bytes.TrimSuffix(raw, []byte{0})))

		line := string(Append([]byte("before "), raw, limit))
		line, found := strings.CutPrefix(line, "before ")
		require.True(t, found)
		requireVisible(t, line)
		require.LessOrEqual(t, len(line), max(limit, 0))
		if limit >= len(whole) {
			require.Equal(t, string(whole), line)
		} else if limit >= len(ellipsis) {
			// What is left reads as the first arguments, the last of them
			// perhaps shortened, and no more is missing than has to be.
			head, found := strings.CutSuffix(line, ellipsis)
			require.True(t, found)
			require.Greater(t, len(line)+maxEscape, limit)
			requireBegins(t, args, unquote(t, head))
		} else {
			require.Empty(t, line)
		}

		beginning := string(AppendBeginning(nil, raw, limit))
		requireVisible(t, beginning)
		require.LessOrEqual(t, len(beginning), max(limit, 0))
		if limit >= len(ellipsis) {
			head, found := strings.CutSuffix(beginning, ellipsis)
			require.True(t, found)
			requireBegins(t, args, unquote(t, head))
		}
		if limit-len(ellipsis) >= len(whole) {
			require.Equal(t, string(whole)+ellipsis, beginning)
		}

		program := string(AppendProgram(nil, raw, math.MaxInt))
		require.Equal(t, args[:min(1, len(args))], unquote(t, program))
		require.True(t, strings.HasPrefix(string(whole), program))
		require.LessOrEqual(t, len(AppendProgram(nil, raw, limit)), max(limit, 0))
	})
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "bash", "a b", "größe", "a\nb", "\x1b[2J", "\xff", "\ufffd", "\u202e", `a\x2db`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := Clean(s)
		requireVisible(t, clean)
		require.Equal(t, clean, Clean(clean))
	})
}

func requireVisible(t *testing.T, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s))
	for _, r := range s {
		require.False(t, invisible(r), "%U in %q", r, s)
	}
}

// requireBegins says that got is a beginning of args.
func requireBegins(t *testing.T, args, got []string) {
	t.Helper()
	require.LessOrEqual(t, len(got), len(args))
	for i, arg := range got {
		if i == len(got)-1 {
			require.True(t, strings.HasPrefix(args[i], arg), "%q does not begin with %q", args[i], arg)
		} else {
			require.Equal(t, args[i], arg)
		}
	}
}

// arguments splits as the kernel joins, with U+FFFD for each byte that is not
// UTF-8.
func arguments(raw []byte) []string {
	if len(raw) == 0 {
		return nil
	}
	args := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	for i, arg := range args {
		args[i] = string([]rune(arg))
	}
	return args
}

// unquote reads a line as bash does, as far as Append writes it. A quote may
// stay open at the end, an escape may not.
func unquote(t *testing.T, line string) []string {
	t.Helper()
	var args []string
	var arg strings.Builder
	word := false
	for line != "" {
		switch {
		case line[0] == ' ':
			require.True(t, word, "two blanks")
			args = append(args, arg.String())
			arg.Reset()
			line, word = line[1:], false
			continue
		case line[0] == '\'':
			var within string
			within, line, _ = strings.Cut(line[1:], "'")
			arg.WriteString(within)
		case strings.HasPrefix(line, "$'"):
			line = line[2:]
			for line != "" && line[0] != '\'' {
				r, size := utf8.DecodeRuneInString(line)
				if r == '\\' {
					r, size = unescape(t, line)
				}
				arg.WriteRune(r)
				line = line[size:]
			}
			line = strings.TrimPrefix(line, "'")
		case strings.HasPrefix(line, `\'`):
			arg.WriteByte('\'')
			line = line[2:]
		default:
			r, size := utf8.DecodeRuneInString(line)
			require.NotContains(t, "\\\"$`|&;<>()*?[]{}!#~^", string(r), "stands without quotes")
			arg.WriteRune(r)
			line = line[size:]
		}
		word = true
	}
	if word {
		args = append(args, arg.String())
	}
	return args
}

func unescape(t *testing.T, s string) (rune, int) {
	t.Helper()
	require.Greater(t, len(s), 1, "a torn escape")
	digits := 0
	switch s[1] {
	case '\\', '\'':
		return rune(s[1]), 2
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	}
	require.NotZero(t, digits, "an unknown escape in %q", s)
	require.GreaterOrEqual(t, len(s), 2+digits, "a torn escape in %q", s)
	r, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	require.NoError(t, err)
	return rune(r), 2 + digits
}
