package truecount

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// Where the kernel shows its symbols and its memory.
const (
	kallsymsPath = "/proc/kallsyms"
	kcorePath    = "/proc/kcore"
)

// countSymbol is the listener count, codeSymbol a function that tests it first.
const (
	countSymbol = "proc_event_num_listeners"
	codeSymbol  = "proc_exec_connector"
)

// symbols are looked up once: they stay where they are until the next boot, and
// to print them all takes the kernel a while.
var symbols = sync.OnceValues(func() (map[string]uint64, error) {
	return lookupFile(kallsymsPath, countSymbol, codeSymbol)
})

// A source is one way to read the count.
type source interface {
	read() (int32, error)
	close() error
}

// Reader reads the listener count. It may be used by several goroutines.
type Reader struct {
	src    source
	method string
}

// Open finds the listener count of the running kernel. All that can fail or
// take long happens here, once: symbols are looked up and programs loaded.
//
// The error says, for each of the ways, what it lacks.
func Open() (*Reader, error) {
	addrs, err := symbols()
	if err != nil {
		return nil, fmt.Errorf("finding the listener count: %w", err)
	}

	core, coreErr := openKcore(kcorePath, addrs[countSymbol])
	if coreErr == nil {
		return &Reader{src: core, method: "kcore"}, nil
	}
	prog, progErr := openBPF(addrs[codeSymbol])
	if progErr == nil {
		return &Reader{src: prog, method: "bpf"}, nil
	}

	err = fmt.Errorf("no way to the listener count: kcore: %w; bpf: %w", coreErr, progErr)
	if os.Geteuid() != 0 {
		err = fmt.Errorf("%w (not root: both ways need it)", err)
	}
	return nil, err
}

// Read returns the listener count as it is now.
func (r *Reader) Read() (int32, error) {
	n, err := r.src.read()
	if err != nil {
		return 0, fmt.Errorf("reading the listener count by %s: %w", r.method, err)
	}
	return n, nil
}

// Method names the way in use: "kcore" or "bpf".
func (r *Reader) Method() string { return r.method }

// Close releases what Open took. The Reader must not be used afterwards.
func (r *Reader) Close() error { return r.src.close() }

// errNoAddress is the answer to an address that /proc/kallsyms did not yield.
var errNoAddress = errors.New("symbol not in " + kallsymsPath)
