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

// patience is the shortest limit of a wait for a condition.
const patience = time.Minute

// Wait returns how long to wait here for a condition that takes up to d on an
// ordinary machine. It ends a wait that is hopeless, and asserts nothing of time:
// what others do on the machine must not make a test fail. Helpers that wait
// apply it to what they are given, so that those who call them need not.
func Wait(d time.Duration) time.Duration { return max(Limit(d), patience) }

// Limit returns how long something may take here that may take d on an ordinary
// machine. It is for what is promised to users, also beside other work.
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
