package cnproc

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
)

// A fakeKernel stands in for the kernel, with its listener count and its sockets,
// and can be told to fail at any step. The first socket is the session's; the
// steps of all others have the prefix "extra ".
type fakeKernel struct {
	mu        sync.Mutex
	count     int
	perSocket bool // requests count as from Linux 6.6 on
	sockets   []*fakeSocket
	strangers []Member // members that are not of this process

	steps  []string       // what was called, in order
	calls  map[string]int // how often
	fail   map[string]int // step -> how often it fails yet (-1: always)
	failAt map[string]int // step -> which of its calls fails, counted from 1
	hooks  map[string]func()

	deafTo   bool       // requests are dropped without a word
	refuse   uint32     // the acknowledgement's error number
	loseAck  bool       // the session's queue overruns before the acknowledgement
	dropped  uint32     // by the session's queue
	full     int        // how many canaries find no room
	after    []datagram // what happens right after LISTEN was acknowledged
	boot     string
	uid      int
	patience time.Duration
	grace    time.Duration
	budget   time.Duration
	locked   func(f *os.File) (bool, error) // in place of flock(2)
}

func newFakeKernel() *fakeKernel {
	return &fakeKernel{
		calls:    make(map[string]int),
		fail:     make(map[string]int),
		failAt:   make(map[string]int),
		hooks:    make(map[string]func()),
		boot:     "this-boot",
		uid:      os.Geteuid(),
		patience: 5 * time.Second,
		grace:    20 * time.Millisecond,
		budget:   5 * time.Second,
	}
}

var errInjected = errors.New("injected")

// step notes the call and returns an error if it is its turn to fail.
func (k *fakeKernel) step(name string) error {
	k.mu.Lock()
	k.steps = append(k.steps, name)
	k.calls[name]++
	n := k.fail[name]
	if n != 0 {
		k.fail[name] = n - 1
	}
	failed := n != 0 || k.failAt[name] == k.calls[name]
	hook := k.hooks[name]
	k.mu.Unlock()
	if hook != nil {
		hook()
	}
	if failed {
		return errInjected
	}
	return nil
}

// always lets each call of a step fail.
const always = 0

// failNext lets the n-th call of a step from now on fail, or always all. Like
// everything that a test changes once a session runs, it takes the lock.
func (k *fakeKernel) failNext(step string, n int) {
	if n == always {
		k.failTimes(step, -1)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failAt[step] = k.calls[step] + n
}

// failTimes lets the next n calls of a step fail, or all if n is negative.
func (k *fakeKernel) failTimes(step string, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail[step] = n
}

// on has a function run whenever a step is taken.
func (k *fakeKernel) on(step string, f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hooks[step] = f
}

// called is how often a step was taken.
func (k *fakeKernel) called(step string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[step]
}

func (k *fakeKernel) listeners() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// poison is what others do to the count.
func (k *fakeKernel) poison(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count += n
}

// open is how many sockets were not closed.
func (k *fakeKernel) open() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, s := range k.sockets {
		if !s.closed {
			n++
		}
	}
	return n
}

func (k *fakeKernel) system() system {
	return system{
		dial:        func() (socket, error) { return k.dial(0) },
		dialPassive: func() (socket, error) { return k.dial(passivePorts) },
		obstacle:    func() error { return nil },
		rename:      k.rename,
		members:     k.members,
		bootID:      func() (string, error) { return k.boot, k.step("boot id") },
		flock:       k.flock,
		uid:         k.uid,
		// So that a busy machine is not taken for a stuck program.
		patience: k.patience,
		grace:    k.grace,
		budget:   k.budget,
	}
}

func (k *fakeKernel) dial(ports uint32) (socket, error) {
	s := &fakeSocket{k: k, wakeup: make(chan struct{}, 1000)}
	k.mu.Lock()
	if len(k.sockets) > 0 {
		s.prefix = "extra "
	}
	s.id = ports + uint32(len(k.sockets)+1)
	k.mu.Unlock()
	if err := k.step(s.prefix + "dial"); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sockets = append(k.sockets, s)
	return s, nil
}

// session is the session's socket.
func (k *fakeKernel) session() *fakeSocket {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sockets[0]
}

func (k *fakeKernel) rename() (Task, error) {
	task := Task{PID: 4711, TGID: int32(os.Getpid())}
	if err := k.step("rename"); err != nil {
		return task, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count > 0 {
		b := message(binary.NativeEndian, EventComm, 0, uint32(task.PID), uint32(task.TGID))
		binary.NativeEndian.PutUint64(b[offTimestamp:], Monotonic())
		k.report(datagram{bytes: b})
	}
	return task, nil
}

func (k *fakeKernel) members() (map[Member]bool, bool, error) {
	if err := k.step("members"); err != nil {
		return nil, false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	members := make(map[Member]bool)
	for _, m := range k.strangers {
		members[m] = true
	}
	for _, s := range k.sockets {
		if s.member && !s.closed {
			members[Member{Port: s.id, Inode: uint64(1000 + s.id)}] = true
		}
	}
	return members, len(members) > maxMembers, nil
}

func (k *fakeKernel) flock(f *os.File) (bool, error) {
	if err := k.step("flock"); err != nil {
		return false, err
	}
	if k.locked != nil {
		return k.locked(f)
	}
	return hostSystem("").flock(f)
}

// report queues a datagram to all members whose filter passes it.
func (k *fakeKernel) report(d datagram) {
	for _, s := range k.sockets {
		if !s.member || s.closed || !s.passes(d) {
			continue
		}
		if s.prefix != "" && k.full > 0 {
			k.full--
			s.dropped++
		} else {
			s.queue = append(s.queue, d)
			s.wakeup <- struct{}{}
		}
	}
}

// request does what cn_proc_mcast_ctl does.
func (k *fakeKernel) request(s *fakeSocket, op, ack uint32) {
	switch {
	case k.deafTo:
		return
	case k.refuse != 0:
		s.queue = append(s.queue, datagram{bytes: message(binary.NativeEndian, eventNone, ack, k.refuse)})
		return
	}
	counts := true
	if k.perSocket {
		counts = s.asked && s.last != op || !s.asked && op == opListen
		s.asked, s.last = true, op
	}
	switch {
	case counts && op == opListen:
		k.count++
	case counts && op == opIgnore:
		k.count--
	}
	switch {
	case k.loseAck:
		k.dropped++
	case k.count > 0:
		k.report(datagram{bytes: message(binary.NativeEndian, eventNone, ack, 0)})
		if s.prefix == "" {
			s.queue = append(s.queue, k.after...)
			k.after = nil
		}
	}
}

// A fakeSocket behaves as the kernel does towards one member.
type fakeSocket struct {
	k      *fakeKernel
	id     uint32
	prefix string
	filter *bpf.VM
	member bool
	closed bool
	asked  bool
	last   uint32 // operation
	queue  []datagram
	wakeup chan struct{}
	slept  chan time.Duration // if not nil: for how long each wait was to let events queue up

	dropped uint32 // if it is not the session's
}

func (s *fakeSocket) step(name string) error { return s.k.step(s.prefix + name) }

func (s *fakeSocket) setFilter(program []bpf.Instruction) error {
	if _, err := bpf.Assemble(program); err != nil {
		return err
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		return err
	}
	s.filter = vm
	return s.step("filter")
}

func (s *fakeSocket) passes(d datagram) bool {
	if s.filter == nil {
		return true
	}
	n, err := s.filter.Run(d.bytes)
	return err == nil && n > 0
}

func (s *fakeSocket) setReceiveBuffer(n int) (int, error) { return n / 4, s.step("buffer") }

func (s *fakeSocket) join() (uint32, error) {
	if err := s.step("join"); err != nil {
		return s.id, err
	}
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.member = true
	return s.id, nil
}

func (s *fakeSocket) leave() error {
	err := s.step("leave")
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.member = false
	return err
}

func (s *fakeSocket) wake() error {
	err := s.step("wake")
	s.wakeup <- struct{}{}
	return err
}

func (s *fakeSocket) send(requests ...[]byte) (n int, err error) {
	op := func(request []byte) uint32 { return binary.NativeEndian.Uint32(request[offData:]) }
	for _, request := range requests {
		name := map[uint32]string{opNone: "op 0", opListen: "LISTEN", opIgnore: "IGNORE"}[op(request)]
		if err = s.step(name); err != nil {
			break
		}
		n++
	}
	// In one go, as within a system call.
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	for _, request := range requests[:n] {
		s.k.request(s, op(request), binary.NativeEndian.Uint32(request[offAck:])+1)
	}
	return n, err
}

func (s *fakeSocket) receive(limit int) ([]datagram, error) {
	if err := s.step("receive"); err != nil {
		return nil, err
	}
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	n := min(len(s.queue), limit)
	batch := s.queue[:n]
	s.queue = s.queue[n:]
	return batch, nil
}

func (s *fakeSocket) setAlarm([]bpf.Instruction) error { return s.step("alarm") }

func (s *fakeSocket) wait(idle, window time.Duration) error {
	if err := s.step("wait"); err != nil {
		return err
	}
	if s.slept != nil {
		s.slept <- window
	}
	var timeout <-chan time.Time
	if idle >= 0 {
		timeout = time.After(idle)
	}
	select {
	case <-s.wakeup:
	case <-timeout:
	}
	return nil
}

func (s *fakeSocket) drops() (uint32, error) {
	if s.k.session() != s {
		err := s.step("drops")
		s.k.mu.Lock()
		defer s.k.mu.Unlock()
		return s.dropped, err
	}
	name := "drops"
	if s.k.called("LISTEN") > 0 {
		name = "drops later"
	}
	err := s.step(name)
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	return s.k.dropped, err
}

func (s *fakeSocket) close() error {
	err := s.step("close")
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.closed = true
	return err
}

// deliver queues datagrams and wakes the receiver.
func (s *fakeSocket) deliver(batch ...datagram) {
	s.k.mu.Lock()
	s.queue = append(s.queue, batch...)
	s.k.mu.Unlock()
	s.wakeup <- struct{}{}
}

// A stranger is another program with a LISTEN of its own.
func (k *fakeKernel) stranger(port uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count++
	k.strangers = append(k.strangers, Member{Port: port, Inode: uint64(port)})
}

// A rider is another program that is a member and has sent nothing.
func (k *fakeKernel) rider() {
	k.mu.Lock()
	defer k.mu.Unlock()
	port := uint32(6000 + len(k.strangers))
	k.strangers = append(k.strangers, Member{Port: port, Inode: uint64(port)})
}

func forkOf(pid uint32) datagram {
	return datagram{bytes: message(binary.NativeEndian, EventFork, 0, 1, 1, pid, pid)}
}

const eperm = uint32(syscall.EPERM)
