package truecount

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
)

// kcore reads the count through the ELF image of kernel memory.
type kcore struct {
	file  *elf.File
	seg   *elf.Prog
	off   int64
	order binary.ByteOrder
}

// openKcore finds the segment of the core file that holds the four bytes at addr.
func openKcore(path string, addr uint64) (*kcore, error) {
	if addr == 0 {
		return nil, fmt.Errorf("%s: %w (a kernel without CONFIG_KALLSYMS_ALL)", countSymbol, errNoAddress)
	}

	file, err := elf.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w (a kernel without CONFIG_PROC_KCORE)", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w (needs CAP_SYS_RAWIO and a kernel that is not locked down)", err)
	case err != nil:
		return nil, err
	}

	for _, seg := range file.Progs {
		// Compared as distances, since a segment may end at the very top of the
		// address space, where its end would wrap around to 0.
		if seg.Type != elf.PT_LOAD || addr < seg.Vaddr {
			continue
		}
		if off := addr - seg.Vaddr; off < seg.Filesz && seg.Filesz-off >= 4 {
			return &kcore{file: file, seg: seg, off: int64(off), order: file.ByteOrder}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s: no segment holds address %#x", path, addr), file.Close())
}

func (k *kcore) read() (int32, error) {
	var b [4]byte
	if _, err := k.seg.ReadAt(b[:], k.off); err != nil {
		return 0, err
	}
	return int32(k.order.Uint32(b[:])), nil
}

func (k *kcore) close() error { return k.file.Close() }
