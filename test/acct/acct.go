// Package acct has the kernel account for each process that ends, as Debian's
// package acct does. Tests use it as a witness that shares nothing with the
// process connector.
//
// Sources: include/uapi/linux/acct.h, kernel/acct.c, acct(2).
package acct

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A Record is what a test wants to know of a struct acct_v3.
type Record struct {
	Forked bool // AFORK: it never called exec
	Status unix.WaitStatus
	UID    uint32
	PID    uint32
	PPID   uint32
	Comm   string
}

const (
	// struct acct_v3
	recordLen = 64

	// #define AFORK 0x01 /* ... executed fork, but did not exec */
	aFork = 0x01
	// #define ACCT_VERSION 3, and ACCT_BYTEORDER in front of it
	version, byteOrder = 3, 0x80
)

// A Log is what the kernel writes, since Start.
type Log struct {
	path string
}

// Start turns accounting on until the test ends. It skips the test where the
// kernel cannot do that; there is one such file for the whole machine, and
// whatever was accounted for before is not any more.
func Start(t testing.TB) *Log {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pacct")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatalf("Making a file for process accounting: %v", err)
	}
	if err := unix.Acct(path); err != nil {
		t.Skipf("This kernel does no process accounting: %v", err)
	}
	t.Cleanup(func() {
		// Without a name, which unix.Acct cannot pass.
		if _, _, errno := unix.Syscall(unix.SYS_ACCT, 0, 0, 0); errno != 0 {
			t.Errorf("Turning process accounting off: %v", errno)
		}
	})
	return &Log{path: path}
}

// Records returns what was written so far.
func (l *Log) Records(t testing.TB) []Record {
	t.Helper()
	b, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatalf("Reading the process accounting: %v", err)
	}
	var records []Record
	for ; len(b) >= recordLen; b = b[recordLen:] {
		if b[1]&^byteOrder != version {
			t.Fatalf("The process accounting is of version %d", b[1]&^byteOrder)
		}
		comm, _, _ := bytes.Cut(b[48:64], []byte{0})
		ne := binary.NativeEndian
		records = append(records, Record{
			Forked: b[0]&aFork != 0,
			Status: unix.WaitStatus(ne.Uint32(b[4:])),
			UID:    ne.Uint32(b[8:]),
			PID:    ne.Uint32(b[16:]),
			PPID:   ne.Uint32(b[20:]),
			Comm:   string(comm),
		})
	}
	return records
}
