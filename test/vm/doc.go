// Package vm runs tests of this module on real kernels of Debian, in virtual
// machines that hold nothing else: a root file system in memory with the
// compiled tests, the programs that they run, and an init of our own that runs
// one after the other and switches the machine off.
//
// Such a machine has a process connector of its own, of kernels that the host
// does not run, and the listener count of the host is left alone.
//
// Each test in the guest becomes a subtest here, with what it printed:
// TestKernels/6.1/rawlisten/TestAcked.
package vm
