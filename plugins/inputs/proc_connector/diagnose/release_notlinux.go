//go:build !linux

package diagnose

func kernelRelease() string { return "" }
