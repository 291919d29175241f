package redact

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzRedact(f *testing.F) {
	for _, file := range []string{"testdata/secrets.txt", "testdata/innocent.txt"} {
		for _, args := range corpus(f, file) {
			f.Add([]byte(planted.Replace(string(raw(args...)))), "hunter2")
		}
	}
	for _, seed := range []string{"", "\x00", "\x00\x00", "mysql\x00-p", "\xff\xfe=\xff\x00", "a=b=c:d@e://f:g@h\x00"} {
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, line []byte, secret string) {
		r, err := New(nil)
		require.NoError(t, err)
		dst := []byte("before")
		got, masked := r.Append(dst, line)
		require.True(t, bytes.HasPrefix(got, dst))
		got = got[len(dst):]
		require.Equal(t, !bytes.Equal(line, got), masked)
		require.Equal(t, bytes.Count(line, []byte{0}), bytes.Count(got, []byte{0}), "arguments stay as many")
		require.LessOrEqual(t, len(got), len(Mask)*len(line))
		require.Equal(t, printable(got), printable(redacted(r, got)), "a second time")

		// Whatever stands before and after, this is a secret.
		secret = "zq" + hex.EncodeToString([]byte(secret))
		for _, form := range []string{"--password=%", "API_TOKEN=%", "db_password=%", "-Dapp.secret=%", "a=1&client_secret=%&b=2", "https://joe:%@h/"} {
			arg := strings.Replace(form, "%", secret, 1)
			whole := append(append(bytes.TrimSuffix(bytes.Clone(line), []byte{0}), 0), raw(arg, "end")...)
			require.NotContains(t, string(redacted(r, whole)), secret, "%s", arg)
		}
	})
}
