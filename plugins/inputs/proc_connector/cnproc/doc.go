// Package cnproc listens to the Linux process connector: the netlink multicast
// group on which the kernel reports every fork, exec, exit and change of identity
// on the machine. It builds on Linux only.
//
// The kernel keeps one global count of listeners (proc_event_num_listeners in
// drivers/connector/cn_proc.c). While it is below one, no event is built for anybody. LISTEN
// adds one, IGNORE takes one away, and nothing else does: a program that ends without IGNORE
// leaves the count one too high, and one that sends an IGNORE too many can silence the whole
// machine. This package therefore sends exactly one IGNORE for each LISTEN that the kernel
// took. Where it cannot know, it errs towards a count that is too high, which costs a little
// time, and never towards one that is too low, which silences everybody.
//
// A Session is opened with Open, read with Read and ended with Close. session.go is
// its life, as a state machine, and count.go all that changes the count.
package cnproc
