//go:build linux && race

package detached

// The race detector follows all threads, with the runtime's help. So under it the loop is
// an ordinary goroutine, which does the same, only not as fast.
const raceDetector = true

func entersyscallblock() {}

func exitsyscall() {}
