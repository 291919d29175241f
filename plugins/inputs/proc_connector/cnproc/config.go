package cnproc

import "time"

// DefaultReceiveBuffer holds about 87,000 events.
const DefaultReceiveBuffer = 32 << 20

// A Config says how to listen: by default to everything, without repairs and leases.
type Config struct {
	// ReceiveBuffer is the size of the socket's queue in bytes, as one would ask for with
	// SO_RCVBUF; 0: DefaultReceiveBuffer. Without CAP_NET_ADMIN net.core.rmem_max limits it.
	ReceiveBuffer int
	// Window is how long Read lets events queue up once the first has come. It ends early
	// when a part of the queue is full, which a second socket in the group tells. 0: Read
	// returns with nearly each event by itself, at a far higher price for itself and for
	// those who cause them.
	Window time.Duration
	Filter Filter // keeps events away that are not wanted
	Repair bool   // permits to send further LISTENs when others have silenced the connector
	// StateDirectory is where leases are kept, by which a later session gives back what
	// this one owes if its process is killed. All sessions of a machine should use the
	// same. Empty: none are kept.
	StateDirectory string
	Proc           string // where proc is mounted, "/proc" when empty
}

// Stats is what a session has done so far.
type Stats struct {
	Listens   uint64 // LISTENs that the kernel took for this session: 0 or 1
	Ignores   uint64 // IGNOREs that the kernel took for it
	Deaf      uint64 // times that the connector was found silenced
	DeafDepth uint64 // by how many LISTENs the count was raised when that was last repaired
	Repairs   uint64 // further LISTENs, sent to repair that
	Released  uint64 // leaked LISTENs of killed sessions that were given back
	Events    uint64 // events received, acknowledgements not among them
	Lost      uint64 // events that the kernel dropped because the queue was full: exact
	Spoofed   uint64 // datagrams that did not come from the kernel, ignored
	Malformed uint64 // datagrams from the kernel that Decode refused, ignored
}

// tally has f change the session's counts.
func (s *Session) tally(f func(*Stats)) {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	f(&s.stats)
}

// Stats returns the session's counts.
func (s *Session) Stats() (stats Stats) {
	s.tally(func(st *Stats) { stats = *st })
	return stats
}
