package balance_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// A recovery gives back what killed plugins have left in the count, as their
// leases in the directory tell.
type recovery func(t *testing.T, dir string)

var recoveries = map[string]recovery{"next start": startAndStop, "reconcile": reconcile}

func forEachRecovery(t *testing.T, test func(t *testing.T, giveBack recovery)) {
	t.Helper()
	for name, giveBack := range recoveries {
		t.Run(name, func(t *testing.T) { test(t, giveBack) })
	}
}

func startAndStop(t *testing.T, dir string) {
	t.Helper()
	p := plugin.Start(t, plugin.StateDir(dir))
	requireHears(t, p)
	stop(t, p)
}

func reconcile(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(plugin.Build(t), "reconcile")
	state.Use(cmd, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Run(), stderr.String())
}

// forget requires that what leases claim wrongly is forgotten once nobody else is
// there, at the latest.
func forget(t *testing.T, k *kernel, b *bystander, dir string, giveBack recovery) {
	t.Helper()
	if b != nil {
		b.leave()
	}
	giveBack(t, dir)
	k.require(0)
	require.Empty(t, leases(t, dir))
}

// leases returns the names of the leases in a state directory.
func leases(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "lease-*"))
	require.NoError(t, err)
	return paths
}

// oneLease returns the path and the content of the only lease in a state directory.
func oneLease(t *testing.T, dir string) (path, text string) {
	t.Helper()
	paths := leases(t, dir)
	require.Len(t, paths, 1)
	content, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	return paths[0], string(content)
}
