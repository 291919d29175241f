package truecount

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLookup(t *testing.T) {
	const symbols = `ffffffff81d4aa00 t proc_exec_connector.cold
ffffffffc0001000 t proc_exec_connector	[lookalike]
ffffffff81d4aa40 T proc_exec_connector
ffffffff81d4ab40 T proc_id_connector
ffffffff83c46240 b proc_event_num_listeners
`
	got, err := lookup(strings.NewReader(symbols), countSymbol, codeSymbol)
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{
		countSymbol: 0xffffffff83c46240,
		codeSymbol:  0xffffffff81d4aa40,
	}, got)
}

func TestLookupWithoutDataSymbols(t *testing.T) {
	got, err := lookup(strings.NewReader("ffffffff81d4aa40 T proc_exec_connector\n"), countSymbol, codeSymbol)
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{codeSymbol: 0xffffffff81d4aa40}, got)
}

func TestLookupHidden(t *testing.T) {
	_, err := lookup(strings.NewReader("0000000000000000 T proc_exec_connector\n"), countSymbol, codeSymbol)
	require.ErrorIs(t, err, errHidden)
}

func TestLookupBadAddress(t *testing.T) {
	_, err := lookup(strings.NewReader("address T proc_exec_connector\n"), codeSymbol)
	require.ErrorContains(t, err, codeSymbol)
}
