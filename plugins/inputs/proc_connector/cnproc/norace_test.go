//go:build !race

package cnproc

// raceDetector: see race_test.go.
const raceDetector = false
