// Package catcher reads what /proc says of a process at the moment of its exec.
//
// An exec event carries ids only, and a small program has ended 100 microseconds later. The
// event is sent from inside execve(2), on the CPU that runs it. So there is a thread for each
// CPU, pinned to it, with real-time priority, that hears the exec events of that CPU and
// nothing else (cnproc.Tap): the kernel switches to it before the process has run its first
// instruction, and its command line is read by then. On machines with more CPUs than catchers
// each has a group of them. Isolated CPUs have none unless real time is asked for.
//
// What a catcher has read it leaves for the one who receives all events in order, under the id
// of the process and the timestamp of the event, which are the same in every copy of an event.
//
// Only these threads have a priority. They sleep in recvfrom(2) until an exec happens, and then
// work for as long as a few reads of /proc take, in the time of the process that called exec
// (package detached). They never keep the process from ending: see occupied_linux.go.
package catcher
