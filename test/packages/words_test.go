package packages_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// Every capability that is spoken of exists: neither systemd nor a reader would
// notice another.
func TestCapabilities(t *testing.T) {
	name := regexp.MustCompile(`(?i)\bcap_[a-z_]+`)
	known := make(map[string]bool)
	for v := range libcap.MaxBits() {
		known[v.String()] = true
	}
	seen := make(map[string]bool)
	look := func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range name.FindAllString(string(text), -1) {
			found = strings.ToLower(found)
			require.True(t, known[found], "%s in %s", found, path)
			seen[found] = true
		}
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(repo.Root(t), "packaging"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			look(path)
		}
		return err
	}))
	look(filepath.Join(repo.Root(t), "README.md"))
	require.Len(t, seen, 3)
}

// words of the program's help: its commands, and the options of each.
var (
	commandWord = regexp.MustCompile(`(?m)^  telegraf-proc-connector ([a-z-]+)\b`)
	optionWord  = regexp.MustCompile(`--[a-z][a-z-]+`)
)

// help returns what the program says that it knows.
func help(t *testing.T) (commands, options []string) {
	t.Helper()
	text := output(t, plugin.Build(t), "--help")
	for _, m := range commandWord.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "-") {
			commands = append(commands, m[1])
		}
	}
	commands, options = set(commands), set(optionWord.FindAllString(text, -1))
	require.Len(t, commands, 3)
	require.Len(t, options, 6)
	return commands, options
}

func set(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

func TestManPage(t *testing.T) {
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", build(t).deb, dir)
	f, err := os.Open(filepath.Join(dir, "usr", "share", "man", "man1", "telegraf-proc-connector.1.gz"))
	require.NoError(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	page := strings.ReplaceAll(string(b), `\-`, "-")
	require.NotContains(t, page, "@")

	// Each option and command has an entry of its own, and no other has.
	commands, options := help(t)
	require.Equal(t, options, set(optionWord.FindAllString(page, -1)))
	entries := section(page, "COMMANDS")
	require.Equal(t, commands, set(entries))
	require.Equal(t, options, set(section(page, "OPTIONS")))
}

// section returns the tags of a section's entries.
func section(page, name string) []string {
	var tags []string
	inside, next := false, false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, ".SH "):
			inside = line == ".SH "+name
		case inside && line == ".TP":
			next = true
		case inside && next:
			tags = append(tags, strings.Trim(strings.Fields(line)[1], `"`))
			next = false
		}
	}
	return tags
}

// Bash offers what there is after each command, and nothing else.
func TestCompletion(t *testing.T) {
	commands, options := help(t)
	script := filepath.Join(repo.Root(t), "packaging", "completion", "bash")
	complete := func(words ...string) []string {
		ask := `source "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) &&
			_telegraf_proc_connector && printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command("bash", append([]string{"-c", ask, script, "telegraf-proc-connector"}, words...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return set(strings.Fields(string(out)))
	}
	all := complete("")
	require.Equal(t, commands, slices.DeleteFunc(slices.Clone(all), func(w string) bool { return strings.HasPrefix(w, "-") }))
	offered := all
	for _, command := range commands {
		words := complete(command, "")
		for _, word := range words {
			requireAccepted(t, command, word)
		}
		offered = append(offered, words...)
	}
	for _, word := range all {
		if strings.HasPrefix(word, "-") {
			requireAccepted(t, "", word)
		}
	}
	require.Equal(t, options, slices.DeleteFunc(set(offered), func(w string) bool { return !strings.HasPrefix(w, "-") }))
	require.Equal(t, []string{"doctor"}, complete("do"))
	require.Equal(t, []string{"--repair"}, complete("doctor", "--config", "/x", "--re"))
	require.Contains(t, complete("--config", repo.Root(t)+"/"), repo.Root(t)+"/Makefile")

	for shell, name := range map[string]string{"zsh": "zsh", "fish": "fish"} {
		path := filepath.Join(repo.Root(t), "packaging", "completion", name)
		output(t, shell, "-n", path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, word := range slices.Concat(commands, options) {
			bare := strings.TrimPrefix(word, "--")
			require.Regexp(t, `(?m)(--|-l |-a |\(\(|\s)`+bare+`\b`, string(text), shell)
		}
	}
	require.Equal(t, options, set(fishOptions(t)))
}

// requireAccepted fails the test if the program does not know the option. With
// --help no command does anything.
func requireAccepted(t *testing.T, command, option string) {
	t.Helper()
	args := []string{option}
	switch option {
	case "--config":
		args = []string{option, "/x"}
	case "--poll-interval":
		args = []string{option, "1s"}
	}
	if command != "" {
		args = append([]string{command}, args...)
	}
	output(t, plugin.Build(t), append(args, "--help")...)
}

// fishOptions asks fish itself.
func fishOptions(t *testing.T) []string {
	t.Helper()
	script := filepath.Join(repo.Root(t), "packaging", "completion", "fish")
	var options []string
	for _, line := range []string{"telegraf-proc-connector --", "telegraf-proc-connector doctor --"} {
		out := output(t, "fish", "--no-config", "-c", "source "+script+"; complete -C '"+line+"'")
		for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
			options = append(options, strings.Fields(lines.Text())[0])
		}
	}
	return options
}
