package repo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoot(t *testing.T) {
	root := Root(t)
	require.FileExists(t, filepath.Join(root, "test", "internal", "repo", "repo_test.go"))
}

// The module of the tests, whose name begins with that of the main one, must
// not be taken for it.
func TestRootAboveAnotherModule(t *testing.T) {
	root := t.TempDir()
	nested := filepath.Join(root, "test", "deep")
	require.NoError(t, os.MkdirAll(nested, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte(mainModule+"\ngo 1.26.0\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "test", "go.mod"),
		[]byte("module github.com/proc-connector/telegraf-proc-connector/test\n"), 0o600))
	t.Chdir(nested)

	require.Equal(t, root, Root(t))
	require.Equal(t, filepath.Join(root, "build", "test", "tool"), Artifact(t, "tool"))
	require.DirExists(t, filepath.Join(root, "build", "test"))
}

func TestProgram(t *testing.T) {
	t.Setenv(PrebuiltEnv, "")
	var got string
	path := Program(t, "tool", func(path string) { got = path })
	require.Equal(t, Artifact(t, "tool"), path)
	require.Equal(t, path, got)
}

func TestProgramPrebuilt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(PrebuiltEnv, dir)
	t.Chdir(dir) // of no repository
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tool"), nil, 0o600))

	path := Program(t, "tool", func(string) { require.Fail(t, "it is there already") })
	require.Equal(t, filepath.Join(dir, "tool"), path)
}

func TestGo(t *testing.T) {
	require.Equal(t, "0\n-buildvcs=false\noff\n", string(Go(t, t.TempDir(), "env", "CGO_ENABLED", "GOFLAGS", "GOWORK")))
}
