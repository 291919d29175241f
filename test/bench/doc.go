// Package bench compares receivers of process events, side by side on the kernel
// of this machine: the plugin, what others have built, and the floor, which is a
// program in C that takes events from the kernel and does nothing with them.
//
// Each round runs each receiver on the same storm, one after the other, so that
// what else changes on a machine concerns all of them. How many events there were
// is what the storm says; what became of them, each receiver says itself; what it
// costs is measured from outside.
//
// "make bench" runs it all. It ends with an error if the plugin does not keep what
// it promises (promises.go).
package bench
