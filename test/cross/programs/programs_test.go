// Package programs_test looks at what "make cross" has built, which runs it.
package programs_test

import (
	"debug/elf"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Each is a program of its kind, and needs no library.
func TestCross(t *testing.T) {
	for arch, want := range map[string]struct {
		machine elf.Machine
		class   elf.Class
		order   binary.ByteOrder
	}{
		"amd64":   {elf.EM_X86_64, elf.ELFCLASS64, binary.LittleEndian},
		"arm64":   {elf.EM_AARCH64, elf.ELFCLASS64, binary.LittleEndian},
		"arm":     {elf.EM_ARM, elf.ELFCLASS32, binary.LittleEndian},
		"386":     {elf.EM_386, elf.ELFCLASS32, binary.LittleEndian},
		"riscv64": {elf.EM_RISCV, elf.ELFCLASS64, binary.LittleEndian},
		"s390x":   {elf.EM_S390, elf.ELFCLASS64, binary.BigEndian},
		"ppc64le": {elf.EM_PPC64, elf.ELFCLASS64, binary.LittleEndian},
	} {
		file, err := elf.Open(filepath.Join(repo.Root(t), "build", "cross", "telegraf-proc-connector-linux-"+arch))
		require.NoError(t, err)
		require.Equal(t, want.machine, file.Machine, arch)
		require.Equal(t, want.class, file.Class, arch)
		require.Equal(t, want.order, file.ByteOrder, arch)
		libraries, err := file.ImportedLibraries()
		require.NoError(t, err)
		require.Empty(t, libraries, arch)
		require.NoError(t, file.Close())
	}
}
