package cnproc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// A Member is a socket in the connector's group, as /proc/net/netlink lists it.
type Member struct {
	Port  uint32 // port id of the socket
	Inode uint64 // as in the links of /proc/PID/fd
}

// passivePorts are the port ids of members that send no LISTEN: far more than anybody can fill.
// The kernel gives out process ids, which are smaller (PID_MAX_LIMIT in include/linux/threads.h
// is 2^22), and negative numbers (netlink_autobind in net/netlink/af_netlink.c).
const (
	passivePorts     = 0x50000000
	passivePortCount = 1 << 28
)

// passive reports whether the member is a socket of this package that sends no LISTEN.
func (m Member) passive() bool { return m.Port-passivePorts < passivePortCount }

const (
	// maxMembers and maxRows bound what is read of the list. A host has some hundred netlink
	// sockets, but any user may add as many as he has descriptors, and the kernel takes
	// time with the square of their number.
	maxMembers = 1024
	maxRows    = 8192

	// memberReads is how often the list is read. While sockets come and go the kernel now
	// and then leaves out one that stays (in one of a thousand readings, when probes are
	// opened and closed all the time), and that would be silenced for it.
	memberReads = 3
)

// listMembers lists the group. In a crowd of more than maxMembers or maxRows some are missing.
func listMembers(proc string) (members map[Member]bool, crowd bool, err error) {
	members = make(map[Member]bool)
	for i := 0; i < memberReads && !crowd; i++ {
		table, err := os.Open(filepath.Join(proc, "thread-self", "net", "netlink"))
		if err == nil {
			crowd, err = parseMembers(table, members)
			err = errors.Join(err, table.Close())
		}
		if err != nil {
			return nil, false, fmt.Errorf("listing the listeners: %w", err)
		}
	}
	return members, crowd, nil
}

// parseMembers adds to found from the table that netlink_native_seq_show in
// net/netlink/af_netlink.c prints, and ends early where there is a crowd. Rows that
// make no sense are left out. Bit 0 of Groups is group 1.
//
//	sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//	0000000095c255bd 11  0          00000000 0        0        0     2        0        14
func parseMembers(table io.Reader, found map[Member]bool) (crowd bool, err error) {
	const group = 1 << (cnIdxProc - 1)
	lines := bufio.NewScanner(table)
	for row := 0; lines.Scan(); row++ {
		if row > maxRows || len(found) > maxMembers {
			return true, nil
		}
		f := bytes.Fields(lines.Bytes())
		if len(f) < 10 || string(f[1]) != strconv.Itoa(netlinkConnector) {
			continue
		}
		port, portErr := strconv.ParseUint(string(f[2]), 10, 32)
		groups, groupsErr := strconv.ParseUint(string(f[3]), 16, 32)
		inode, inodeErr := strconv.ParseUint(string(f[9]), 10, 64)
		if portErr == nil && groupsErr == nil && inodeErr == nil && groups&group != 0 {
			found[Member{Port: uint32(port), Inode: inode}] = true
		}
	}
	return false, lines.Err()
}
