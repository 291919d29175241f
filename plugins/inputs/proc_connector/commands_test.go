//go:build linux

package proc_connector

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
		"empty":                             {comm: "", want: commandUnknown},
		"imitates the overflow":             {comm: "_other", want: `\x5fother`},
		"imitates the kernel":               {comm: "_kernel", want: `\x5fkernel`},
		"imitates the unknown":              {comm: "_unknown", want: `\x5funknown`},
		"only looks reserved":               {comm: "_others", want: "_others"},
		"control characters, invalid UTF-8": {comm: "a\x1b[31m\xff", want: "a\\x1b[31m\uFFFD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, commandName(tt.comm, tt.candidates...))
		})
	}
}

func TestCommandsAreCapped(t *testing.T) {
	now := time.Now()
	c := newCommands(3, time.Hour)
	for i := range 3 {
		require.Equal(t, strconv.Itoa(i), c.get(strconv.Itoa(i), now).tag)
	}
	require.Equal(t, commandOther, c.get("3", now).tag)
	require.Equal(t, "1", c.get("1", now).tag, "those with a place keep it")

	// 0 and 2 expire, 1 was used meanwhile.
	now = now.Add(50 * time.Minute)
	require.Equal(t, "1", c.get("1", now).tag)
	now = now.Add(11 * time.Minute)
	require.Equal(t, "4", c.get("4", now).tag)
	require.Equal(t, "5", c.get("5", now).tag)
	require.Equal(t, commandOther, c.get("6", now).tag)
	require.Equal(t, "1", c.get("1", now).tag)
	require.Len(t, c.byName, 3)
}

func TestStampIsUnique(t *testing.T) {
	start := time.Unix(1000, 0)
	var c command
	require.Equal(t, start, c.stamp(start))
	require.Equal(t, start.Add(1), c.stamp(start), "the same time again")
	require.Equal(t, start.Add(2), c.stamp(start.Add(1)), "the time that was given instead")
	require.Equal(t, start.Add(3), c.stamp(start.Add(-time.Millisecond)), "an event of another CPU, a little out of order")
	require.Equal(t, start.Add(time.Second), c.stamp(start.Add(time.Second)))
	require.Equal(t, start.Add(-time.Hour), c.stamp(start.Add(-time.Hour)), "the wall clock was set back")
}
