package truecount

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// bpf reads the count with a BPF program that copies kernel memory to a map.
type bpf struct {
	prog *ebpf.Program
	out  *ebpf.Map
	addr uint64

	// mu keeps a run of prog and the look at its result together.
	mu  sync.Mutex
	buf [codeSize]byte
}

// request is the context of the program: what to copy.
type request struct {
	Addr uint64
	Size uint64
}

// openBPF loads the program and, with its help, finds the count in the code of
// the function at codeAddr.
func openBPF(codeAddr uint64) (_ *bpf, err error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("cannot read the machine code of %s: amd64 only", runtime.GOARCH)
	}
	if codeAddr == 0 {
		return nil, fmt.Errorf("%s: %w (a kernel without CONFIG_PROC_EVENTS)", codeSymbol, errNoAddress)
	}

	b := new(bpf)
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.out, err = ebpf.NewMap(&ebpf.MapSpec{
		Name:       "truecount",
		Type:       ebpf.Array,
		KeySize:    4,
		ValueSize:  codeSize,
		MaxEntries: 1,
	}); err != nil {
		return nil, explain(err)
	}
	if b.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "truecount",
		Type: ebpf.RawTracepoint,
		// The kernel lends bpf_probe_read_kernel to GPL compatible programs only.
		License:      "Dual MIT/GPL",
		Instructions: copyProgram(b.out.FD()),
	}); err != nil {
		return nil, explain(err)
	}

	code, err := b.copy(codeAddr, codeSize)
	if err != nil {
		return nil, fmt.Errorf("code of %s: %w", codeSymbol, err)
	}
	if b.addr, err = findOperand(code, codeAddr); err != nil {
		return nil, err
	}
	// Proves that the operand is an address of the kernel at all.
	if _, err = b.read(); err != nil {
		return nil, fmt.Errorf("operand of %s: %w", codeSymbol, err)
	}
	return b, nil
}

// copyProgram fills the map's only value from the address in the context, and
// returns what the helper returned: 0, or a negative error number.
func copyProgram(mapFD int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R3, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord),
		asm.Mov.Imm(asm.R0, -int32(syscall.E2BIG)),
		asm.JGT.Imm(asm.R2, codeSize, "exit"),
		asm.LoadMapValue(asm.R1, mapFD, 0),
		asm.FnProbeReadKernel.Call(),
		asm.Return().WithSymbol("exit"),
	}
}

// copy returns size bytes of kernel memory, valid until the next call.
func (b *bpf) copy(addr, size uint64) ([]byte, error) {
	ret, err := b.prog.Run(&ebpf.RunOptions{Context: request{Addr: addr, Size: size}})
	if err != nil {
		return nil, err
	}
	if ret != 0 {
		return nil, fmt.Errorf("%d bytes at %#x: %w", size, addr, syscall.Errno(-int32(ret)))
	}
	if err := b.out.Lookup(uint32(0), b.buf[:]); err != nil {
		return nil, err
	}
	return b.buf[:size], nil
}

func (b *bpf) read() (int32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	v, err := b.copy(b.addr, 4)
	if err != nil {
		return 0, err
	}
	return int32(binary.NativeEndian.Uint32(v)), nil
}

func (b *bpf) close() error {
	// Both Close methods accept nil, as after a failure half way.
	return errors.Join(b.prog.Close(), b.out.Close())
}

func explain(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w (needs CAP_BPF and CAP_PERFMON and a kernel that is not locked down)", err)
	}
	return err
}
