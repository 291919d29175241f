//go:build !linux

package doctor

func kernelRelease() string { return "" }
