// Package pace makes the time limits of tests longer on a machine that is slow,
// such as an emulated one.
package pace

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// Env is the environment variable that says how many times slower than an
// ordinary machine this one is. Without it, limits are as they are written.
const Env = "PROC_CONNECTOR_TEST_PACE"

var factor = sync.OnceValue(func() int {
	text := os.Getenv(Env)
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s is %q, and must be a number from 1", Env, text))
	}
	return n
})

// Limit returns how long something may take here that may take d on an ordinary
// machine. It is for limits that only tell a hang from an end: helpers that wait
// apply it to what they are given, so that their callers need not.
func Limit(d time.Duration) time.Duration { return d * time.Duration(factor()) }
