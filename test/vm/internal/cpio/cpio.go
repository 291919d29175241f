// Package cpio writes archives in the format "newc", which the kernel unpacks
// into its first root file system (Documentation/driver-api/early-userspace/buffer-format.rst).
package cpio

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

const trailer = "TRAILER!!!"

// Writer writes an archive. After an error it writes nothing more, and Close
// returns that error.
type Writer struct {
	w    *bufio.Writer
	inos uint32
	size int64
	err  error
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 1<<20)}
}

// Dir adds a directory. What is in it comes after it.
func (w *Writer) Dir(name string, perm uint32) {
	w.entry(name, unix.S_IFDIR|perm, 0, 0, strings.NewReader(""))
}

// Symlink adds a symbolic link.
func (w *Writer) Symlink(name, target string) {
	w.entry(name, unix.S_IFLNK|0o777, 0, int64(len(target)), strings.NewReader(target))
}

// Char adds a character device.
func (w *Writer) Char(name string, perm, major, minor uint32) {
	w.entry(name, unix.S_IFCHR|perm, unix.Mkdev(major, minor), 0, strings.NewReader(""))
}

// File adds a regular file of that size.
func (w *Writer) File(name string, perm uint32, size int64, content io.Reader) {
	w.entry(name, unix.S_IFREG|perm, 0, size, content)
}

// Close ends the archive, and leaves the writer below open.
func (w *Writer) Close() error {
	w.entry(trailer, 0, 0, 0, strings.NewReader(""))
	if w.err != nil {
		return w.err
	}
	return w.w.Flush()
}

func (w *Writer) entry(name string, mode uint32, dev uint64, size int64, content io.Reader) {
	if w.err != nil {
		return
	}
	if size >= 1<<32 {
		w.err = fmt.Errorf("%s: %d bytes are too many", name, size)
		return
	}
	name = strings.TrimPrefix(name, "/")
	w.inos++
	// c_magic, c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize,
	// c_maj, c_min, c_rmaj, c_rmin, c_namesize, c_chksum
	w.write(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		w.inos, mode, 0, 0, 1, 0, size, 0, 0, unix.Major(dev), unix.Minor(dev), len(name)+1, 0, name))
	w.pad()
	if w.err != nil {
		return
	}
	n, err := io.Copy(w.w, content)
	w.size += n
	switch {
	case err != nil:
		w.err = fmt.Errorf("%s: %w", name, err)
	case n != size:
		w.err = fmt.Errorf("%s: %d bytes instead of %d", name, n, size)
	}
	w.pad()
}

// pad fills up to a multiple of 4 bytes.
func (w *Writer) pad() { w.write("\x00\x00\x00\x00"[:-w.size&3]) }

func (w *Writer) write(s string) {
	if w.err != nil {
		return
	}
	n, err := w.w.WriteString(s)
	w.size += int64(n)
	w.err = err
}
