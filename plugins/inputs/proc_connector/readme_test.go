//go:build linux

package proc_connector

import (
	"os"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// The README shows the options as they are and names every field.
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
		require.NotEmpty(t, section)
		for field := range m.Fields {
			require.Contains(t, section, "    - "+field+" (", "%s of %s", field, name)
		}
	}
	for _, field := range execFields {
		require.Contains(t, readme, "    - "+field+" (")
	}
}
