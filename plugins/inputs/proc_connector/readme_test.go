//go:build linux

package proc_connector

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

var documentedField = regexp.MustCompile(`(?m)^    - (\w+) \(`)

// The README shows the options as they are and names every field, and no other.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(text)
	require.Contains(t, readme, "```toml @sample.conf\n"+sampleConfig+"```\n")

	p := newPlugin(t)
	p.Threads = true
	startLive(t, p)
	var acc testutil.Accumulator
	require.NoError(t, p.Gather(&acc))
	for name, heading := range map[string]string{
		"proc_connector":          "proc_connector\n",
		"proc_connector_command":  "proc_connector_command (",
		"proc_connector_listener": "proc_connector_listener (",
	} {
		m, ok := acc.Get(name)
		require.True(t, ok)
		_, section, _ := strings.Cut(readme, "\n- "+heading)
		section, _, _ = strings.Cut(section, "\n- proc_")
		_, section, _ = strings.Cut(section, "  - fields")
		require.NotEmpty(t, section)
		var documented []string
		for _, match := range documentedField.FindAllStringSubmatch(section, -1) {
			documented = append(documented, match[1])
		}
		require.ElementsMatch(t, documented, slices.Collect(maps.Keys(m.Fields)), name)
	}
	for _, field := range execFields {
		require.Contains(t, readme, "    - "+field+" (")
	}
}
