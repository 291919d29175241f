package truecount

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// errHidden means that /proc/kallsyms shows zeros in place of addresses, as it
// does to readers whom kernel.kptr_restrict and CAP_SYSLOG do not let see
// pointers (kallsyms_show_value in kernel/ksyms_common.c).
var errHidden = errors.New("addresses are hidden: needs root, and kernel.kptr_restrict below 2")

func lookupFile(path string, names ...string) (map[string]uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	addrs, err := lookup(f, names...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return addrs, nil
}

// lookup reads symbols in the format of /proc/kallsyms: address, type, name and,
// for a module's symbol, the module in brackets. Names that are not there are
// left out of the result. Modules are passed over, as cn_proc is never one and
// their static symbols may bear any name.
func lookup(r io.Reader, names ...string) (map[string]uint64, error) {
	addrs := make(map[string]uint64, len(names))
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(addrs) < len(names) {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) != 3 {
			continue
		}
		for _, name := range names {
			if string(fields[2]) != name {
				continue
			}
			addr, err := strconv.ParseUint(string(fields[0]), 16, 64)
			if err != nil {
				return nil, fmt.Errorf("address of %s: %w", name, err)
			}
			if addr == 0 {
				return nil, fmt.Errorf("%s: %w", name, errHidden)
			}
			addrs[name] = addr
		}
	}
	return addrs, lines.Err()
}
