package truecount

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two segments as in /proc/kcore, which has a note first, no section headers,
// and holes between the segments.
const (
	directMap   = 0xffff888000000000
	kernelImage = 0xffffffff81000000
	segmentSize = 0x40
)

// writeCore writes an ELF core file in which the value lies in the image of the
// kernel at the given offset.
func writeCore(t *testing.T, order binary.ByteOrder, value int32, at int) string {
	t.Helper()

	const headers = 64 + 3*56
	data := elf.ELFDATA2LSB
	if order == binary.ByteOrder(binary.BigEndian) {
		data = elf.ELFDATA2MSB
	}
	header := elf.Header64{
		Ident:     [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(data), byte(elf.EV_CURRENT)},
		Type:      uint16(elf.ET_CORE),
		Machine:   uint16(elf.EM_X86_64),
		Version:   uint32(elf.EV_CURRENT),
		Phoff:     64,
		Ehsize:    64,
		Phentsize: 56,
		Phnum:     3,
	}
	progs := []elf.Prog64{
		{Type: uint32(elf.PT_NOTE), Off: headers, Filesz: 4, Vaddr: kernelImage},
		{Type: uint32(elf.PT_LOAD), Off: 0x200, Vaddr: directMap, Filesz: segmentSize, Memsz: segmentSize},
		{Type: uint32(elf.PT_LOAD), Off: 0x1000, Vaddr: kernelImage, Filesz: segmentSize, Memsz: 2 * segmentSize},
	}

	var b bytes.Buffer
	require.NoError(t, binary.Write(&b, order, header))
	require.NoError(t, binary.Write(&b, order, progs))
	image := make([]byte, 0x1000+segmentSize)
	copy(image, b.Bytes())
	for i := b.Len(); i < len(image); i++ {
		// Anything but zeros, so that a read of the wrong place shows.
		image[i] = 0xaa
	}
	order.PutUint32(image[0x1000+at:], uint32(value))

	path := filepath.Join(t.TempDir(), "kcore")
	require.NoError(t, os.WriteFile(path, image, 0o600))
	return path
}

func TestKcore(t *testing.T) {
	tests := []struct {
		name  string
		order binary.ByteOrder
		value int32
		at    int
	}{
		{"first word", binary.LittleEndian, 1, 0},
		{"last word", binary.LittleEndian, 70000, segmentSize - 4},
		{"negative", binary.LittleEndian, -2, 0x20},
		{"big-endian", binary.BigEndian, -3, 0x20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := openKcore(writeCore(t, tt.order, tt.value, tt.at), kernelImage+uint64(tt.at))
			require.NoError(t, err)
			defer k.close()

			got, err := k.read()
			require.NoError(t, err)
			require.Equal(t, tt.value, got)
		})
	}
}

// The file is a window on live memory, so the second read must see a change.
func TestKcoreReadsAnew(t *testing.T) {
	path := writeCore(t, binary.LittleEndian, 1, 8)
	k, err := openKcore(path, kernelImage+8)
	require.NoError(t, err)
	defer k.close()

	for _, want := range []int32{1, 2} {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(want)), 0x1000+8)
		require.NoError(t, err)
		require.NoError(t, f.Close())

		got, err := k.read()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestKcoreOutOfReach(t *testing.T) {
	path := writeCore(t, binary.LittleEndian, 1, 0)
	for name, addr := range map[string]uint64{
		"below all":            0x1000,
		"in a hole":            directMap + segmentSize,
		"half out":             kernelImage + segmentSize - 2,
		"not stored":           kernelImage + segmentSize,
		"top of address space": ^uint64(0) - 1,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openKcore(path, addr)
			require.ErrorContains(t, err, "no segment holds")
		})
	}

	_, err := openKcore(path, 0)
	require.ErrorIs(t, err, errNoAddress)
	_, err = openKcore(filepath.Join(t.TempDir(), "kcore"), kernelImage)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "CONFIG_PROC_KCORE")
}
