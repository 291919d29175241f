package truecount

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindOperand(t *testing.T) {
	const base = 0xffffffff81d4aa40

	// nopl 0(%rax,%rax); sub $0x58,%rsp, as functions begin that can be traced.
	prologue := []byte{0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x83, 0xec, 0x58}
	concat := func(parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}

	tests := []struct {
		name string
		code []byte
		want uint64
	}{
		{
			name: "at the start",
			code: []byte{0x8b, 0x05, 0x02, 0x01, 0x00, 0x00, 0x85, 0xc0},
			want: base + 6 + 0x102,
		},
		{
			name: "after a prologue",
			code: concat(prologue, []byte{0x8b, 0x05, 0x01, 0x02, 0x00, 0x00, 0x85, 0xc0, 0x7e, 0x10}),
			want: base + 9 + 6 + 0x201,
		},
		{
			name: "backwards",
			code: []byte{0x8b, 0x05, 0xfa, 0xff, 0xff, 0xff, 0x85, 0xc0},
			want: base,
		},
		{
			// mov rax, [rip+disp32] of the stack protector holds the bytes of
			// a mov to eax, but no test follows.
			name: "a load without a test comes first",
			code: concat(
				[]byte{0x48, 0x8b, 0x05, 0xb7, 0x35, 0xdc, 0x01, 0x48, 0x89, 0x44, 0x24, 0x50},
				[]byte{0x8b, 0x05, 0x02, 0x00, 0x00, 0x00, 0x85, 0xc0}),
			want: base + 12 + 6 + 2,
		},
		{
			name: "the first of two",
			code: concat(
				[]byte{0x8b, 0x05, 0x02, 0x00, 0x00, 0x00, 0x85, 0xc0},
				[]byte{0x8b, 0x05, 0x0a, 0x00, 0x00, 0x00, 0x85, 0xc0}),
			want: base + 6 + 2,
		},
		{
			name: "an operand that is not aligned is not an atomic_t",
			code: concat(
				[]byte{0x8b, 0x05, 0x03, 0x00, 0x00, 0x00, 0x85, 0xc0},
				[]byte{0x8b, 0x05, 0x0a, 0x00, 0x00, 0x00, 0x85, 0xc0}),
			want: base + 8 + 6 + 10,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := findOperand(tt.code, base)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFindOperandFails(t *testing.T) {
	tests := map[string][]byte{
		"no code":          nil,
		"cut off":          {0x8b, 0x05, 0x02, 0x00, 0x00, 0x00, 0x85},
		"another register": {0x8b, 0x0d, 0x02, 0x00, 0x00, 0x00, 0x85, 0xc9},
		"another test":     {0x8b, 0x05, 0x02, 0x00, 0x00, 0x00, 0x85, 0xc9},
	}
	for name, code := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := findOperand(code, 0x1000)
			require.ErrorIs(t, err, errNoTest)
		})
	}
}
