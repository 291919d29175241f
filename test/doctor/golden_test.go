package doctor_test

import (
	"embed"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is in the program, as tests also run where there is no source.
//
//go:embed testdata
var golden embed.FS

const width = 100

// requireDoctor runs doctor, for people and for programs, which must end with the
// status, print what is in the golden files of that name and do nothing to the
// listener count.
func (m *machine) requireDoctor(name string, status int, args ...string) {
	m.t.Helper()
	args = append([]string{"doctor"}, args...)
	m.requireText(name, m.run(args...), status)
	m.requireJSON(name, m.run(append(args, "--json")...), status)
}

func (m *machine) requireText(name string, r result, status int) {
	m.t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n")
	require.LessOrEqual(m.t, len(lines), 24, r.stdout)
	for _, line := range lines {
		require.True(m.t, len(line) <= width || strings.Contains(line, m.state), line)
	}
	// Where lines are broken depends on what is different elsewhere.
	m.requireGolden(name+".text.golden", strings.ReplaceAll(r.stdout, "\n         ", " "))
	m.requireEnd(r, status)
}

func (m *machine) requireJSON(name string, r result, status int) {
	m.t.Helper()
	m.requireGolden(name+".json.golden", r.stdout)
	m.requireEnd(r, status)
}

func (m *machine) requireEnd(r result, status int) {
	m.t.Helper()
	require.Empty(m.t, r.stderr)
	require.Equal(m.t, status, r.status)
}

func (m *machine) requireGolden(name, got string) {
	m.t.Helper()
	got = m.normalise(got)
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(m.t, os.WriteFile(file, []byte(got), 0o600))
		return
	}
	want, err := golden.ReadFile(file)
	require.NoError(m.t, err)
	require.Equal(m.t, string(want), got)
}

// different is what is not the same on all machines, or in two runs.
var different = []struct {
	was *regexp.Regexp
	is  string
}{
	{regexp.MustCompile(`Linux \S+: a repeated LISTEN or IGNORE (counts again; sending them needs CAP_NET_ADMIN|` +
		`does not count; any user may send them)`), "RULES"},
	{regexp.MustCompile(`"release": "[^"]+"`), `"release": "RELEASE"`},
	{regexp.MustCompile(`"rules": "each_(change|request)"`), `"rules": "RULES"`},
	{regexp.MustCompile(`"(port|inode|pid|rmem_max_bytes)": \d+`), `"$1": NUMBER`},
	{regexp.MustCompile(`\(pid \d+\)`), "(pid NUMBER)"},
	{regexp.MustCompile(`limit is \d+ KiB`), "limit is LIMIT"},
	// What is granted to those without rights.
	{regexp.MustCompile(`has \d+ KiB instead of`), "has LIMIT instead of"},
	{regexp.MustCompile(`lease-[0-9A-Za-z]+`), "lease-ID"},
	{regexp.MustCompile(`("error": "process connector: \w+: [^:"]*)[^"]*"`), `$1…"`},
}

// normalise replaces what is different each time.
func (m *machine) normalise(text string) string {
	m.t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(m.t, err)
	self := strings.TrimSpace(string(comm))
	text = strings.ReplaceAll(text, m.state, "STATE")
	text = strings.ReplaceAll(text, self+" (pid", "TEST (pid")
	text = strings.ReplaceAll(text, `"name": "`+self+`"`, `"name": "TEST"`)
	if m.anyUser() {
		text = strings.ReplaceAll(text, "unmatched IGNORE: it may be any user's.", "unmatched IGNORE.")
	}
	if m.limited {
		text = regexp.MustCompile(`\d+ KiB granted`).ReplaceAllString(text, "LIMIT granted")
		text = regexp.MustCompile(`"granted_bytes": [1-9]\d*`).ReplaceAllString(text, `"granted_bytes": NUMBER`)
	}
	for _, d := range different {
		text = d.was.ReplaceAllString(text, d.is)
	}
	return text
}

// anyUser reports whether the kernel takes requests from everybody.
func (m *machine) anyUser() bool {
	m.t.Helper()
	// It came with the same change.
	anyUser, err := rawlisten.CountsPerSocket()
	require.NoError(m.t, err)
	return anyUser
}
