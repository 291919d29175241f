package truecount

import (
	"encoding/binary"
	"errors"
)

// codeSize is how much of proc_exec_connector is searched: the test of the
// count is the first thing that the function does.
const codeSize = 128

// errNoTest means that the machine code looks like none that is known.
var errNoTest = errors.New("no test of a global variable at the start of " + codeSymbol)

// findOperand finds the first global variable that amd64 machine code loads and
// compares with 0:
//
//	8b 05 <disp32>    mov  eax, [rip+disp32]
//	85 c0             test eax, eax
//
// base is the address of the code's first byte. The displacement counts from
// the end of the mov.
func findOperand(code []byte, base uint64) (uint64, error) {
	const movLen, patternLen = 6, 8

	for i := 0; i+patternLen <= len(code); i++ {
		c := code[i : i+patternLen]
		if c[0] != 0x8b || c[1] != 0x05 || c[6] != 0x85 || c[7] != 0xc0 {
			continue
		}
		disp := int32(binary.LittleEndian.Uint32(c[2:movLen]))
		addr := base + uint64(i) + movLen + uint64(int64(disp))
		if addr%4 != 0 {
			// An atomic_t is aligned: these bytes were part of something else.
			continue
		}
		return addr, nil
	}
	return 0, errNoTest
}
