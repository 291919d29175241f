//go:build linux && !race

package detached

import _ "unsafe" // for go:linkname

const raceDetector = false

// Both functions are in the list of those that the runtime keeps for others (see their
// comments in runtime/proc.go).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()
