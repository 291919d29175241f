package cmdline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrimTitle(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                     "",
		"\x00":                                 "\x00",
		"sh\x00":                               "sh\x00",
		"grep\x00\x00":                         "grep\x00\x00",
		"grep\x00\x00\x00":                     "grep\x00\x00\x00",
		"git\x00-m\x00\x00":                    "git\x00-m\x00\x00",
		"idle\x00\x00\x00\x00":                 "idle\x00",
		"db\x00-px\x00\x00\x00\x00\x00":        "db\x00-px\x00",
		"a\x00\x00\x00\x00\x00b\x00":           "a\x00\x00\x00\x00\x00b\x00",
		"\x00\x00\x00\x00\x00":                 "\x00",
		"no NUL at all":                        "no NUL at all",
		"title" + strings.Repeat("\x00", 4000): "title\x00",
	} {
		require.Equal(t, want, string(TrimTitle([]byte(raw))), "%q", raw)
	}
}
