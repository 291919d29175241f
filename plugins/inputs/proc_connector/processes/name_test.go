package processes

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/memo"
)

func TestCommandName(t *testing.T) {
	tests := map[string]struct {
		comm       string
		candidates []string
		want       string
	}{
		"short": {comm: "sh", candidates: []string{"/bin/shell-of-another-name"}, want: "sh"},
		"cut, completed from argv[0]": {
			comm:       "telegraf-proc-c",
			candidates: []string{"telegraf-proc-connector", "/x"},
			want:       "telegraf-proc-connector",
		},
		"cut, completed from exe": {
			comm:       "telegraf-proc-c",
			candidates: []string{"", "/usr/bin/telegraf-proc-connector"},
			want:       "telegraf-proc-connector",
		},
		"cut, completed from the script": {
			comm:       "nightly-backup-",
			candidates: []string{"/bin/sh", "/bin/dash", "./nightly-backup-all.sh"},
			want:       "nightly-backup-all.sh",
		},
		"exactly as long as the limit":      {comm: "fifteen-letters", candidates: []string{"/bin/fifteen-letters"}, want: "fifteen-letters"},
		"cut, and nothing fits":             {comm: "renamed-by-some", candidates: []string{"/bin/sh", "sh"}, want: "renamed-by-some"},
		"empty":                             {comm: "", want: Unknown},
		"imitates the overflow":             {comm: "_other", want: `\x5fother`},
		"imitates the kernel":               {comm: "_kernel", want: `\x5fkernel`},
		"imitates the unknown":              {comm: "_unknown", want: `\x5funknown`},
		"only looks reserved":               {comm: "_others", want: "_others"},
		"control characters, invalid UTF-8": {comm: "a\x1b[31m\xff", want: "a\\x1b[31m\uFFFD"},
		"backslash at the end":              {comm: `a\`, want: `a\x5c`},
		"backslashes at the end":            {comm: `a\\`, want: `a\x5c\x5c`},
		"backslash before what is escaped":  {comm: `a\,b\ c\=d`, want: `a\x5c,b\x5c c\x5c=d`},
		"backslash before anything else":    {comm: `a\b`, want: `a\b`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, commandName(tt.comm, tt.candidates...))
		})
	}
}

// A name that was cut by the kernel and given again is the same name.
func TestRenamed(t *testing.T) {
	n := new(Names)
	require.Equal(t, "telegraf-proc-connector", n.Renamed([]byte("telegraf-proc-c"), "telegraf-proc-connector"))
	require.Equal(t, "telegraf-proc-d", n.Renamed([]byte("telegraf-proc-d"), "telegraf-proc-connector"))
	require.Equal(t, "telegraf", n.Renamed([]byte("telegraf"), "telegraf-proc-connector"))
	require.Equal(t, "telegraf-proc-c", n.Renamed([]byte("telegraf-proc-c"), "sh"))
}

// The names that a storm of renames makes up are not kept for ever.
func TestNamesAreBounded(t *testing.T) {
	n := new(Names)
	name := func(i int) []byte { return []byte{byte(i), byte(i >> 8), 'x'} }
	//nolint:gosec // G103: only the address tells a remembered text from another
	address := func() *byte { return unsafe.StringData(n.Of(name(0))) }
	first := address()
	require.Same(t, first, address(), "remembered")
	for i := range 3 * memo.Limit {
		n.Of(name(i))
	}
	require.NotSame(t, first, address())
}
