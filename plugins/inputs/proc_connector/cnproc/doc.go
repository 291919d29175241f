// Package cnproc listens to the Linux process connector: the netlink multicast
// group on which the kernel reports every fork, exec, exit and change of
// identity on the machine.
//
// The kernel keeps one global count of listeners (proc_event_num_listeners in
// drivers/connector/cn_proc.c). While it is below one, no event is built for
// anybody. LISTEN adds one, IGNORE takes one away, and nothing else does: a
// program that ends without IGNORE leaves the count one too high, a program
// that sends one IGNORE too many can make the whole machine deaf. This package
// therefore sends exactly one IGNORE for each LISTEN that the kernel took, and
// where it cannot know it errs towards a count that is too high, which costs a
// little time, and never towards one that is too low, which blinds everybody.
//
// Where to find what:
//
//   - session.go is the life of a listener, as a state machine from Open to Close.
//   - count.go is all that changes the count, and the rules for it.
//   - check.go finds out whether the kernel reports events, with the probe of
//     probe.go, and has the count repaired.
//   - lease.go keeps the files by which killed sessions are known.
//   - examine.go looks at a machine without listening to it for longer.
//   - abi.go and decode.go turn the kernel's bytes into an Event.
//   - receive.go reads events in batches and hands them to a Handler.
//   - filter.go builds the socket filter that keeps unwanted events away.
//   - errors.go has the reasons why a machine cannot be listened to.
//   - seam.go is what all this needs of the kernel; socket_linux.go talks to its
//     sockets, sleep_linux.go waits for them, tap_linux.go hands one out.
//
// A Session is opened with Open, read with Receive and ended with Close:
//
//	s, err := cnproc.Open(cnproc.Config{})
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//	return s.Receive(handler)
package cnproc
