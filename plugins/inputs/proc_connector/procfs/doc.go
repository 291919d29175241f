// Package procfs reads what /proc says about one process at a time: its
// command line, state, program, directory, user and control group.
//
// It is made for the moment right after an exec event, when a short-lived
// program is gone within a few hundred microseconds. An FS therefore holds a
// descriptor of the proc mount and reads each file with one openat, one read
// and one close, and Cmdline and Stat allocate nothing.
//
// One file of /proc is one file here. Reading is apart from parsing: what
// parses works on bytes and on every system, what reads works on Linux and
// returns errors.ErrUnsupported elsewhere.
package procfs
