package rawlisten

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.15.0":               false,
		"6.1.0-44-cloud-amd64": false,
		"6.5.13":               false,
		"6.6.0-rc1":            true,
		"6.12.117+deb12-amd64": true,
		"7.0":                  true,
		"10.1.2":               true,
	} {
		got, err := atLeast(release, 6, 6)
		require.NoError(t, err, release)
		require.Equal(t, want, got, release)
	}

	_, err := atLeast("none", 6, 6)
	require.Error(t, err)
}
