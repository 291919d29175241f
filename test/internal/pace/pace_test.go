package pace

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{"": time.Second, "1": time.Second, "15": 15 * time.Second} {
		t.Setenv(Env, text)
		require.Equal(t, want, Limit(time.Second), text)
	}
	t.Setenv(Env, "2")
	require.Equal(t, patience, Wait(time.Second))
	require.Equal(t, 3*patience, Wait(3*patience/2))
	for _, text := range []string{"0", "-1", "slow", "1.5"} {
		t.Setenv(Env, text)
		require.PanicsWithValue(t, Env+` is "`+text+`", and must be a whole number from 1`, func() { Limit(time.Second) })
	}
}
