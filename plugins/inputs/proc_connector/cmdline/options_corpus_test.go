package cmdline

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing that the corpus of secrets marks as one is shown, although Options knows
// nothing of programs, names and tokens.
func TestOptionsShowNoSecret(t *testing.T) {
	f, err := os.Open("../redact/testdata/secrets.txt")
	require.NoError(t, err)
	defer f.Close()
	marked := regexp.MustCompile(`«([^»]*)»`)
	planted := strings.NewReplacer("«", "", "»", "")
	secrets := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		var args []string
		require.NoError(t, json.Unmarshal([]byte(line), &args), "%s", line)
		all := strings.Join(args, "\x00") + "\x00"
		shown, hidden := Options(nil, []byte(planted.Replace(all)))
		require.True(t, hidden, "%s", line)
		for _, secret := range marked.FindAllStringSubmatch(all, -1) {
			secrets++
			if len(secret[1]) > 1 { // a letter may be anywhere
				require.NotContains(t, string(shown), secret[1], "%s", line)
			}
		}
	}
	require.Greater(t, secrets, 300)
}
