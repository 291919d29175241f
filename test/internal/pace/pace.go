// Package pace makes the time limits of tests longer on a machine that is slow,
// such as an emulated one.
package pace

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Env is the environment variable that says how many times slower than an
// ordinary machine this one is. Without it, limits are as they are written.
const Env = "PROC_CONNECTOR_TEST_PACE"

// Limit returns how long something may take here that may take d on an ordinary
// machine. Helpers that wait apply it to what they are given, so that those who
// call them need not.
func Limit(d time.Duration) time.Duration {
	text := os.Getenv(Env)
	if text == "" {
		return d
	}
	factor, err := strconv.Atoi(text)
	if err != nil || factor < 1 {
		panic(fmt.Sprintf("%s is %q, and must be a whole number from 1", Env, text))
	}
	return d * time.Duration(factor)
}
