//go:build linux

package proc_connector

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A startup is what an operator wants to know first when something looks wrong
// later: what the plugin runs on, and what it has got.
type startup struct {
	kernel string   // release
	rights []string // capabilities that it makes use of and has
	reads  string   // who reads what is executed
	buffer int      // bytes of the kernel's queue
	// threads says that events are received that only concern a thread.
	threads bool
}

// line is one line of the log. Its beginning says that the kernel counts this
// plugin as a listener.
func (s *startup) line() string {
	rights := "no rights"
	if len(s.rights) > 0 {
		rights = strings.Join(s.rights, ", ")
	}
	events := "all but those of threads"
	if s.threads {
		events = "all"
	}
	return fmt.Sprintf("Listening to the process connector of Linux %s; with %s; execs are read by %s; receive buffer: %d KiB; events: %s",
		s.kernel, rights, s.reads, s.buffer>>10, events)
}

// kernelRelease is that of uname(2).
func kernelRelease() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "of an unknown release"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// rights lists the capabilities in force of those that the plugin makes use of.
func rights() []string {
	// Of all versions the kernel takes the third; it holds 64 capabilities in two
	// structs. All threads of a program have the same.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil
	}
	var held []string
	for _, c := range []struct {
		number uint
		name   string
	}{
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{unix.CAP_SYS_NICE, "CAP_SYS_NICE"},
		{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	} {
		if data[c.number/32].Effective>>(c.number%32)&1 != 0 {
			held = append(held, c.name)
		}
	}
	return held
}
