package redact

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// corpus reads a file of testdata: one command line a line, as a JSON array of
// its arguments.
func corpus(t testing.TB, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var commands [][]string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		var args []string
		require.NoError(t, json.Unmarshal([]byte(line), &args), "%s", line)
		commands = append(commands, args)
	}
	require.NoError(t, lines.Err())
	return commands
}

// raw joins arguments as the kernel does.
func raw(args ...string) []byte {
	var b []byte
	for _, arg := range args {
		b = append(append(b, arg...), 0)
	}
	return b
}

// redacted is what is left of a line.
func redacted(r *Redactor, line []byte) []byte {
	out, _ := r.Append(nil, line)
	return out
}

// printable makes a failure readable.
func printable(raw []byte) string {
	return strings.ReplaceAll(string(raw), "\x00", "␀")
}

var (
	planted  = strings.NewReplacer("«", "", "»", "")
	opening  = "«"
	closings = "»"
)

// expected returns what is to come out, and the secrets that may not.
func expected(arg string) (want string, secrets []string) {
	for {
		before, rest, found := strings.Cut(arg, opening)
		want += before
		if !found {
			return want, secrets
		}
		var hidden string
		hidden, arg, _ = strings.Cut(rest, closings)
		if hidden != "" {
			want += Mask
			secrets = append(secrets, hidden)
		}
	}
}

func TestSecrets(t *testing.T) {
	commands := corpus(t, "testdata/secrets.txt")
	require.GreaterOrEqual(t, len(commands), 480)
	r, err := New(nil)
	require.NoError(t, err)
	for _, args := range commands {
		given, wants := make([]string, 0, len(args)), make([]string, 0, len(args))
		var secrets []string
		for _, arg := range args {
			want, hidden := expected(arg)
			given, wants, secrets = append(given, planted.Replace(arg)), append(wants, want), append(secrets, hidden...)
		}
		t.Run(strings.Join(wants, " "), func(t *testing.T) {
			got, masked := r.Append(nil, raw(given...))
			require.Equal(t, len(secrets) > 0, masked)
			require.Equal(t, printable(raw(wants...)), printable(got))
			for _, s := range secrets {
				require.NotContains(t, string(got), s)
			}
			require.Equal(t, printable(got), printable(redacted(r, got)), "a second time")
		})
	}
}

func TestInnocent(t *testing.T) {
	commands := corpus(t, "testdata/innocent.txt")
	require.GreaterOrEqual(t, len(commands), 320)
	r, err := New(nil)
	require.NoError(t, err)
	for _, args := range commands {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			require.Equal(t, printable(raw(args...)), printable(redacted(r, raw(args...))))
		})
	}
}
