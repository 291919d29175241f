//go:build !linux

package procfs

import "errors"

func openDir(string) (int, error) { return -1, errors.ErrUnsupported }

func openat(int, []byte) (int, error) { return -1, errors.ErrUnsupported }

func readFile(int, []byte, []byte) (int, error) { return 0, errors.ErrUnsupported }

func readlinkat(int, string, []byte) (int, error) { return 0, errors.ErrUnsupported }

func unused(int32) bool { return false }
