package cpio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	w.Dir("/dir", 0o755)
	w.File("/dir/file", 0o640, 5, strings.NewReader("hello"))
	w.Symlink("/link", "dir/file")
	w.Char("/console", 0o600, 5, 1)
	require.NoError(t, w.Close())

	//                 ino     mode    uid     gid     nlink   mtime   filesizemaj     min     rmaj    rmin    namesizechksum
	require.Equal(t, ""+
		"07070100000001000041ed00000000000000000000000100000000000000000000000000000000000000000000000000000004"+"00000000dir\x00\x00\x00"+
		"07070100000002000081a000000000000000000000000100000000000000050000000000000000000000000000000000000009"+"00000000dir/file\x00\x00hello\x00\x00\x00"+
		"070701000000030000a1ff00000000000000000000000100000000000000080000000000000000000000000000000000000005"+"00000000link\x00\x00dir/file"+
		"07070100000004000021800000000000000000000000010000000000000000000000000000000000000005000000010000000800000000console\x00\x00\x00"+
		"0707010000000500000000000000000000000000000001000000000000000000000000000000000000000000000000"+"0000000b00000000TRAILER!!!\x00\x00\x00\x00",
		b.String())
}

func TestWriterWrongSize(t *testing.T) {
	w := NewWriter(new(bytes.Buffer))
	w.File("/file", 0o644, 6, strings.NewReader("hello"))
	w.Dir("/dir", 0o755)
	require.ErrorContains(t, w.Close(), "file: 5 bytes instead of 6")
}

func TestWriterReadError(t *testing.T) {
	errRead := errors.New("no more")
	w := NewWriter(new(bytes.Buffer))
	w.File("/file", 0o644, 6, iotest.ErrReader(errRead))
	require.ErrorIs(t, w.Close(), errRead)
}
