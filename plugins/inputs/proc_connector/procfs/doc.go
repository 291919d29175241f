// Package procfs reads what /proc says about one process at a time.
//
// It is made for the moment right after an exec event, when a short-lived program is gone
// within a few hundred microseconds. An FS therefore holds a descriptor of the proc mount
// and reads each file with one openat, one read and one close. One file of /proc is one
// file here, and what parses works without /proc.
package procfs
