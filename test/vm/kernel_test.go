package vm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewest(t *testing.T) {
	const names = `linux-image-6.1.0-9-cloud-amd64
linux-image-6.1.0-10-cloud-amd64
linux-image-6.1.0-11-cloud-amd64-unsigned
linux-image-6.1.0-11-amd64
linux-image-6.1-cloud-amd64
linux-image-6.12.9+deb12-cloud-amd64
linux-image-6.12.10+deb12-cloud-amd64
linux-image-6.12.10+deb12-cloud-amd64-dbg
`
	require.Equal(t, "linux-image-6.1.0-10-cloud-amd64", newest("6.1", names))
	require.Equal(t, "linux-image-6.12.10+deb12-cloud-amd64", newest("6.12", names))
	require.Empty(t, newest("6.18", names))
}
