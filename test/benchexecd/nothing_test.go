package benchexecd

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"runtime"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// exits is exit_group(0) in the machine code of the architectures.
var exits = map[string]struct {
	machine elf.Machine
	code    []byte
}{
	// xor edi, edi; mov eax, 231; syscall
	"amd64": {elf.EM_X86_64, []byte{0x31, 0xff, 0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05}},
	// mov x0, #0; mov x8, #94; svc #0
	"arm64": {elf.EM_AARCH64, []byte{0, 0, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4}},
}

// nothing makes a static program that ends at once, and returns its path: the
// shortest life that a process can have after an exec, whatever compilers there
// are.
func nothing(b *testing.B) string {
	b.Helper()
	exit, ok := exits[runtime.GOARCH]
	if !ok {
		b.Fatalf("No program for %s: add its exit_group(0) to exits", runtime.GOARCH)
	}
	const (
		base   = 0x400000
		header = 64
		prog   = 56
		code   = header + prog
	)
	size := uint64(code + len(exit.code))
	var file bytes.Buffer
	for _, part := range []any{
		&elf.Header64{
			Ident: [elf.EI_NIDENT]byte{
				0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT),
			},
			Type: uint16(elf.ET_EXEC), Machine: uint16(exit.machine), Version: uint32(elf.EV_CURRENT),
			Entry: base + code, Phoff: header, Ehsize: header, Phentsize: prog, Phnum: 1,
		},
		&elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base,
			Filesz: size, Memsz: size, Align: 0x1000,
		},
		exit.code,
	} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			b.Fatalf("Making a program: %v", err)
		}
	}
	path := repo.Artifact(b, "nothing")
	if err := os.WriteFile(path, file.Bytes(), 0o755); err != nil { //nolint:gosec // G306: it is run
		b.Fatalf("Making a program: %v", err)
	}
	return path
}
