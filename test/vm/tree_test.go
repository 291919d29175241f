package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTree(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "usr"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "usr", "dash"), []byte("program"), 0o700)) //nolint:gosec // G306: it could be run
	require.NoError(t, os.Symlink("dash", filepath.Join(dir, "usr", "sh")))
	require.NoError(t, os.Symlink("usr", filepath.Join(dir, "bin")))

	var b bytes.Buffer
	r := newTree(&b)
	for range 2 {
		require.NoError(t, r.same(filepath.Join(dir, "bin", "sh")))
	}
	require.NoError(t, r.close())
	for _, name := range []string{"bin", "usr", "usr/sh", "usr/dash"} {
		entry := strings.TrimPrefix(filepath.Join(dir, name), "/") + "\x00"
		require.Equal(t, 1, bytes.Count(b.Bytes(), []byte(entry)), name)
	}
	require.Equal(t, 1, bytes.Count(b.Bytes(), []byte("program")))

	require.ErrorIs(t, r.same(filepath.Join(dir, "bin", "none")), os.ErrNotExist)
}

func TestLibrariesOf(t *testing.T) {
	libraries, err := librariesOf("/bin/sh")
	require.NoError(t, err)
	require.Greater(t, len(libraries), 1)
	for _, library := range libraries {
		require.FileExists(t, library)
	}
	require.Contains(t, strings.Join(libraries, "\n"), "/libc.so.")

	// The test itself is static, as is all that we build.
	self, err := os.Executable()
	require.NoError(t, err)
	libraries, err = librariesOf(self)
	require.NoError(t, err)
	require.Empty(t, libraries)
}
