package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const longest = 64<<10 + 2 // of what is read of a command line

var (
	usual = raw("/usr/lib/jvm/java-21-openjdk/bin/java", "-Xmx4g", "-Dlog.path=/var/log/app", "-cp", "/opt/app/lib/*",
		"org.example.Main", "--name", "blue whale")
	short  = raw("/usr/bin/sleep", "0.2")
	script = raw("sh", "-c", "cd /srv/app && exec bin/worker --queue default | grep -v '^#' > /var/log/app.log")
	masked = raw("mysqldump", "--host=db1.example.net", "--user=backup", "--password=Tr0ub4dor&3", "--single-transaction", "shop")
)

// nasty are the longest command lines, of what makes work.
func nasty() map[string][]byte {
	fill := func(part string) []byte {
		return []byte(strings.Repeat(part, longest/len(part)+1)[:longest-1] + "\x00")
	}
	lines := map[string][]byte{"arguments": fill("--password\x00x\x00")}
	for name, part := range map[string]string{
		"a":             "a",
		"equals":        "=",
		"colons":        ":",
		"ats":           "@",
		"blanks":        " ",
		"quotes":        "'",
		"double quotes": `"`,
		"backslashes":   `\`,
		"dashes":        "-",
		"secrets":       "password=x&",
		"unquoted":      "password=",
		"quoted":        `password="`,
		"open quotes":   `a_token="$(`,
		"references":    "x=1 token=$A,",
		"paths":         "a_key=/",
		"JWT":           "eyJ",
		"JWTs":          "eyJ.",
		"tokens":        "sk-",
		"tokens apart":  "sk- ",
		"PEM":           "-----BEGIN PRIVATE KEY-----",
		"PEM cut":       "-----BEGIN ",
		"addresses":     "a://b:c/",
		"users":         "a://b:c@",
		"drivers":       "=a:b",
		"user and at":   "=a:b@!",
		"JSON":          `{"password":`,
		"JSON values":   `"a":"b",`,
		"named":         `name=token,value=`,
		"headers":       "x-api-key:",
		"yaml":          "\ntoken: a b",
		"prose":         " token: a",
		"words":         "a b ",
		"nested":        `"a 'b `,
		"commands":      "mysql -p;",
		"pipes":         "echo a|",
		"here":          "chpasswd <<<",
		"queries":       "?sig=a",
		"hooks":         "x://hooks.slack.com/services/",
		"SQL":           "identified by '",
		"password":      "password '",
		"bearer":        "bearer ",
		"bearer0":       "bearer a0",
		"login":         "login password ",
		"dollar":        "$(",
		"names":         "a-b_c.d=",
		"telegram":      "12345678:AA",
		"SG":            "SG.",
		"pat":           "pat",
		"keys":          "AKIA",
		"escaped":       `\"password\":\"`,
		"high":          "\xff",
		"none":          "token=id=",
		"none in query": "?token=id=",
		"none, header":  "=x-api-key:id=",
		"none, quoted":  `token="id=`,
		"none, escaped": `token=\"id=`,
		"list":          "password=x ",
		"tags":          "<a>",
		"elements":      "<token>",
		"open tags":     "<a b",
		"calls":         "auth('a',",
		"open calls":    "auth('a",
		"domains":       "a/b:c",
		"base64 keys":   "-----BEGIN PRIVATE KEY-----AAAAAAAAAAAAAAAAAAAA1 ",
		"here-strings":  "sudo -S <<<",
		"slashes":       "/p:a,",
		"nested names":  "--env=a=b=token=",
	} {
		lines[name] = fill(part)
	}
	return lines
}

// nastier are longest command lines whose beginning decides how the rest is read.
func nastier() map[string][]byte {
	lines := make(map[string][]byte)
	for name, head := range map[string]string{
		"address": "a://b?", "list": "password=x", "helm": "--set=", "query": "x\x00?token=id=", "code": "sh\x00-c\x00", "quote": `"`,
		"words": "db2\x00", "freerdp": "xfreerdp\x00/a:", "expect": "expect\x00", "percona": "pt-kill\x00",
	} {
		for part, fill := range map[string]string{"blanks": " ", "none": "token=id=", "lists": ",p:a", "words": "using a ", "sends": `send "`} {
			lines[name+", "+part] = []byte((head + strings.Repeat(fill, longest/len(fill)))[:longest-1] + "\x00")
		}
	}
	return lines
}

// The last argument was cut when it was read.
func TestCut(t *testing.T) {
	r, err := New(nil)
	require.NoError(t, err)
	for given, want := range map[string]string{
		"tool\x00--password\x00hun":                              "tool\x00--password\x00***",
		"tool\x00--password=hun":                                 "tool\x00--password=***",
		"tool\x00--passw":                                        "tool\x00--passw",
		"tool\x00ghp_EXAMP":                                      "tool\x00***",
		"tool\x00eyJhbGciOiJIUzI1NiJ9":                           "tool\x00***",
		"tool\x00-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCA": "tool\x00-----BEGIN RSA PRIVATE KEY-----***",
		"curl\x00-d\x00{\"password\": \"hun":                     "curl\x00-d\x00{\"password\": \"***",
		"git\x00clone\x00https://joe:hun":                        "git\x00clone\x00https://joe:***",
		"git\x00clone\x00https://joe:123":                        "git\x00clone\x00https://joe:***",
		"git\x00clone\x00https://example.com/a":                  "git\x00clone\x00https://example.com/a",
		"curl\x00-H\x00Authorization: Bearer 0f9":                "curl\x00-H\x00Authorization: Bearer ***",
		"curl\x00-u\x00joe:h":                                    "curl\x00-u\x00joe:***",
		"sh\x00-c\x00mysql -uroot -phun":                         "sh\x00-c\x00mysql -uroot -p***",
		"ls\x00-l":                                               "ls\x00-l",
		"":                                                       "",
	} {
		require.Equal(t, printable([]byte(want)), printable(redacted(r, []byte(given))))
	}
	// Empty arguments and none stay.
	require.Equal(t, "\x00\x00a\x00\x00", string(redacted(r, []byte("\x00\x00a\x00\x00"))))
}

func TestAllocatesNothing(t *testing.T) {
	r, err := New(nil)
	require.NoError(t, err)
	dst := make([]byte, 0, 2*longest)
	for name, line := range map[string][]byte{"usual": usual, "short": short, "script": script, "masked": masked} {
		require.Zero(t, testing.AllocsPerRun(100, func() { dst, _ = r.Append(dst[:0], line) }), name)
	}
}

func BenchmarkRedact(b *testing.B) {
	lines := map[string][]byte{"short": short, "usual": usual, "script": script, "secret": masked}
	for name, line := range nasty() {
		lines["64KiB "+name] = line
	}
	lines["64KiB worst"] = nastier()["list, sends"]
	r, err := New(nil)
	require.NoError(b, err)
	dst := make([]byte, 0, 4*longest)
	for name, line := range lines {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				dst, _ = r.Append(dst[:0], line)
			}
		})
	}
}
