//go:build linux && !race

package catcher

const raceDetector = false
