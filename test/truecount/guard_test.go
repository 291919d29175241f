package truecount

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeCounter yields its values one by one, and the last of them for ever.
type fakeCounter struct {
	values []int32
	errs   []error
	closed int
}

func (c *fakeCounter) Read() (int32, error) {
	v := c.values[0]
	if len(c.values) > 1 {
		c.values = c.values[1:]
	}
	var err error
	if len(c.errs) > 0 {
		err, c.errs = c.errs[0], c.errs[1:]
	}
	return v, err
}

func (c *fakeCounter) Close() error {
	c.closed++
	return nil
}

// fakeTB notes down what the guard does to a test.
type fakeTB struct {
	testing.TB
	errors, fatals, skips []string
	cleanups              []func()
}

func (*fakeTB) Helper()            {}
func (t *fakeTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *fakeTB) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func (t *fakeTB) Fatalf(format string, args ...any) {
	t.fatals = append(t.fatals, fmt.Sprintf(format, args...))
}

func (t *fakeTB) Skipf(format string, args ...any) {
	t.skips = append(t.skips, fmt.Sprintf(format, args...))
}

func runGuard(c *fakeCounter, openErr error) *fakeTB {
	t := new(fakeTB)
	settle(t, func() (counter, error) { return c, openErr }, 50*time.Millisecond)
	for _, f := range t.cleanups {
		f()
	}
	return t
}

func TestGuardPasses(t *testing.T) {
	for name, values := range map[string][]int32{
		"unchanged":          {1},
		"settles after some": {1, 2, 2, 1},
		"negative":           {-1},
	} {
		t.Run(name, func(t *testing.T) {
			c := &fakeCounter{values: values}
			got := runGuard(c, nil)
			require.Len(t, got.cleanups, 1)
			require.Empty(t, got.errors)
			require.Empty(t, got.fatals)
			require.Empty(t, got.skips)
			require.Equal(t, 1, c.closed)
		})
	}
}

func TestGuardFails(t *testing.T) {
	c := &fakeCounter{values: []int32{7, -8}}
	got := runGuard(c, nil)
	require.Len(t, got.errors, 1)
	require.Contains(t, got.errors[0], "was 7 before")
	require.Contains(t, got.errors[0], "is -8 after")
	require.Equal(t, 1, c.closed)
}

func TestGuardFailsWhenTheCountIsLost(t *testing.T) {
	errLost := errors.New("lost")
	c := &fakeCounter{values: []int32{7}, errs: []error{nil, errLost}}
	got := runGuard(c, nil)
	require.Len(t, got.errors, 1)
	require.Contains(t, got.errors[0], errLost.Error())
	require.Equal(t, 1, c.closed)
}

func TestGuardWithoutCount(t *testing.T) {
	errReason := errors.New("needs root")

	t.Setenv("CI", "")
	got := runGuard(nil, errReason)
	require.Len(t, got.skips, 1)
	require.Contains(t, got.skips[0], errReason.Error())
	require.Empty(t, got.fatals)

	t.Setenv("CI", "true")
	got = runGuard(nil, errReason)
	require.Len(t, got.fatals, 1)
	require.Contains(t, got.fatals[0], errReason.Error())
	require.Empty(t, got.skips)

	c := &fakeCounter{values: []int32{0}, errs: []error{errReason}}
	got = runGuard(c, nil)
	require.Len(t, got.fatals, 1)
	require.Contains(t, got.fatals[0], errReason.Error())
	require.Equal(t, 1, c.closed)
}
