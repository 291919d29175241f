package cmdline

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	join := func(args ...string) []byte { return []byte(strings.Join(args, "\x00") + "\x00") }
	for _, tt := range []struct {
		name   string
		in     []byte
		want   []byte
		hidden bool
	}{
		{"nothing", nil, nil, false},
		{"program", join("/usr/bin/true"), join("/usr/bin/true"), false},
		{"no program", join("", "a"), join("", "*"), true},
		{"login shell", join("-bash"), join("-bash"), false},
		{"test", join("[", "-n", "x", "]"), join("[", "-n", "*", "*"), true},
		{"program with a version", join("/opt/größe/g++-12.1~rc1", "-O"), join("/opt/größe/g++-12.1~rc1", "-O"), false},
		{
			"short options and words", join("ls", "-l", "-a", "-1", "/home/joe", ""),
			join("ls", "-l", "-a", "-1", "*", "*"), true,
		},
		{"clusters", join("tar", "-xvf", "a.tar"), join("tar", "-x*", "*"), true},
		{"attached value", join("mysql", "-phunter2", "-p=x", "-pä"), join("mysql", "-p*", "-p*", "-p*"), true},
		{"long options", join("docker", "run", "--rm", "--log-level", "info"), join("docker", "*", "--rm", "--log-level", "*"), true},
		{
			"long options with a value", join("x", "--token=a=b", "--empty=", "--spring.db_password=c"),
			join("x", "--token=*", "--empty=*", "--spring.db_password=*"), true,
		},
		{"variables", join("env", "PGPASSWORD=x", "psql"), join("env", "*", "*"), true},
		{"after the end of options", join("rm", "-r", "--", "-f", "--force", "x"), join("rm", "-r", "--", "*", "*", "*"), true},
		{"no name", join("x", "--=hunter2", "-", "---", "---a", "-=x", "-?", "-\xff"), join("x", "--*", "*", "--*", "--*", "-*", "-*", "-*"), true},
		{
			"names that may be values", join("x", "--hunter2", "--Sup3rS3cret=x", "--a b", "--a:b", "--größe", "--a--b", "--deadbeef0123", "--a'"),
			join("x", "--*", "--*", "--*", "--*", "--*", "--*", "--*", "--*"), true,
		},
		{
			"names too long to be any", join("x", "--"+strings.Repeat("a", maxWord), "--"+strings.Repeat("a", maxWord+1), "--"+strings.Repeat("a-", maxName)),
			join("x", "--"+strings.Repeat("a", maxWord), "--*", "--*"), true,
		},
		{
			"names with digits", join("x", "--ipv4", "--no-http2", "--sha256=x", "--x509-key-file", "--s3.region"),
			join("x", "--ipv4", "--no-http2", "--sha256=*", "--x509-key-file", "--*"), true,
		},
		{"values that look like names", join("x", "--password", "--hunter", "--API_KEY", "-abc", "--user", "--joe", "--force"),
			join("x", "--password", "--*", "--API_KEY", "-a*", "--user", "--*", "--force"), true},
		{"other signs", join("set", "+e", "/password:x", "@file", "key:value"), join("set", "*", "*", "*", "*"), true},
		{"script", join("/bin/sh", "-e", "./deploy.sh", "hunter2"), join("/bin/sh", "-e", "*", "*"), true},
		{"code", join("sh", "-c", "mysql -phunter2"), join("sh", "-c", "*"), true},
		{"title", []byte("postgres: joe secret [local] idle"), []byte("postgres\x00*"), true},
		{"title with its NULs", join("/opt/chrome --token=x", "", ""), join("/opt/chrome", "*", "*", "*"), true},
		{"title of nothing", join("(sd-pam)"), join("*"), true},
		{"assignment as the program", join("TOKEN=hunter2", "-v"), join("TOKEN", "*", "-v"), true},
		{"cut name", []byte("x\x00--correct"), []byte("x\x00--*"), true},
		{"cut value", []byte("x\x00--token=hunt"), []byte("x\x00--token=*"), true},
		{"cut short option", []byte("x\x00-p"), []byte("x\x00-p*"), true},
		{"cut end of options", []byte("x\x00--"), []byte("x\x00--*"), true},
		{"cut word", []byte("x\x00hunt"), []byte("x\x00*"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, hidden := Options([]byte("before "), tt.in)
			require.Equal(t, "before "+string(tt.want), string(got))
			require.Equal(t, tt.hidden, hidden)
		})
	}
}

// Whatever a value is, the line shows the same as with another in its place.
func FuzzOptionsValue(f *testing.F) {
	for _, seed := range []string{"hunter2", "", " ", "=", "-p", "--token=x", "*", "--", "correct horse", "\xff\n", "$(x)"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		value = bytes.ReplaceAll(value, []byte{0}, nil)
		if len(value) == 0 {
			return
		}
		for _, form := range []string{
			"x\x00--token=?\x00", "x\x00--token=?", "x\x00-pa?\x00", "x\x00-pa?", "x\x00-=?\x00", "x\x00NAME=?\x00", "x\x00a?", "x\x00-v\x00/?\x00",
			"x\x00--\x00?\x00", "x\x00--\x00-a\x00?", "x\x00--=?\x00", "x\x00--0?\x00--a\x00", "x ?\x00", "x: ?\x00-v\x00", "x=?",
		} {
			show := func(value []byte) string {
				got, hidden := Options(nil, bytes.Replace([]byte(form), []byte("?"), value, 1))
				require.True(t, hidden)
				return string(got)
			}
			require.Equal(t, show([]byte("other")), show(value), "%q", form)
		}

		// On its own a value may look like the name of an option, but no other
		// shows more than a letter, and after --password none does.
		for _, form := range []string{"x\x00?\x00", "x\x00-p\x00?\x00", "x\x00--password\x00?\x00", "x\x00?"} {
			line := bytes.Replace([]byte(form), []byte("?"), value, 1)
			got, _ := Options(nil, line)
			args := bytes.Split(bytes.TrimSuffix(got, []byte{0}), []byte{0})
			last := args[len(args)-1]
			if strings.HasPrefix(form, "x\x00--password") || !plainName.Match(value) {
				require.Regexp(t, `^(\*|-[A-Za-z0-9]?\*?|--|--\*|--[A-Za-z][-._A-Za-z0-9]*=\*)$`, string(last), "%q", line)
			}
		}
	})
}

var plainName = regexp.MustCompile(`^--[A-Za-z][-._A-Za-z0-9]*$`)

// Arguments stay apart, and each is of a form that has no room for a value.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "ls\x00-l\x00", "a b\x00", "\x1b[2J\x00\x00\x00", "x\x00--token=hunter2\x00--\x00-p\x00", "-p\x00-pa", "x\x00--ipv4\x00--a1\x00",
	} {
		f.Add([]byte(seed))
	}
	shown := regexp.MustCompile(`^(\*|-[A-Za-z0-9]\*?|-\*|--|--\*|--[-._A-Za-z0-9]{1,64}(=\*)?)$`)
	letters := regexp.MustCompile(`^[A-Za-z]{1,20}$`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, hidden := Options(nil, raw)
		again, _ := Options(nil, got)
		require.Equal(t, string(got), string(again), "what is hidden stays hidden")
		require.Equal(t, bytes.HasSuffix(raw, []byte{0}), bytes.HasSuffix(got, []byte{0}))
		if !hidden {
			require.Equal(t, string(raw), string(got))
		}
		if len(raw) == 0 {
			return
		}
		before, after := bytes.Split(raw, []byte{0}), bytes.Split(got, []byte{0})
		if program := string(after[0]); program != string(before[0]) && program != hiddenMark {
			require.True(t, bytes.HasPrefix(before[0], after[0]))
			require.Equal(t, hiddenMark, string(after[1]))
			after = after[1:]
		}
		require.Len(t, after, len(before))
		for _, arg := range after[1:] {
			if len(arg) == 0 {
				continue // what the last NUL ends
			}
			require.Regexp(t, shown, string(arg))
			name, _, _ := strings.Cut(strings.TrimPrefix(string(arg), "--"), "=")
			if len(name) < 4 || !bytes.HasPrefix(arg, []byte("--")) {
				continue
			}
			for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-._", r) }) {
				require.True(t, slices.Contains(wordsWithDigits, word) || letters.MatchString(word), "%q", arg)
			}
		}
	})
}
