package cmdline

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"name", "kworker/0:1-events", "kworker/0:1-events"},
		{"blank and quotes", `my "prog" isn't`, `my "prog" isn't`},
		{"backslash of a unit", `dev-disk-by\x2duuid.swap`, `dev-disk-by\x2duuid.swap`},
		{"letters of any script", "größe 日本語", "größe 日本語"},
		{"line break", "a\nb", `a\nb`},
		{"escape sequence", "a\x1b[2J\x7f", `a\x1b[2J\x7f`},
		{"NUL", "a\x00b", `a\x00b`},
		{"invisible", "a\u202eb\u00a0\U000e0001", `a\u202eb\u00a0\U000e0001`},
		{"not UTF-8", "ö\xff\xfeö", "ö\ufffd\ufffdö"},
		{"cut within a character", "gr\xc3", "gr\ufffd"},
		{"replaced before", "\ufffd", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Clean(tt.in)
			require.Equal(t, tt.want, got)
			if tt.in == tt.want {
				//nolint:gosec // G103: only the address tells a copy from the string itself
				require.Same(t, unsafe.StringData(tt.in), unsafe.StringData(got), "a clean string was copied")
			}
		})
	}
}

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
