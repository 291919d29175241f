//go:build linux && race

package catcher

// raceDetector has the loop run as an ordinary goroutine: see inside_linux.go.
const raceDetector = true
