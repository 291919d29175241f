package cnproc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A recorder keeps what was read.
type recorder struct {
	mu   sync.Mutex
	pids []int32
	loss uint64
	deaf int // how often it was told that the connector had been silenced
	hook func(e *Event)
}

func (r *recorder) take(b *Batch) {
	for i := range b.Events {
		if r.hook != nil {
			r.hook(&b.Events[i])
		}
		r.mu.Lock()
		r.pids = append(r.pids, b.Events[i].Task.PID)
		r.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loss += b.Lost
	if b.Silenced {
		r.deaf++
	}
}

// follow hands over what a session reads until it is closed.
func follow(s *Session, take func(b *Batch)) error {
	var b Batch
	for {
		switch err := s.Read(&b, -1); {
		case errors.Is(err, ErrClosed):
			return nil
		case err != nil:
			return err
		}
		take(&b)
	}
}

func (r *recorder) seen() []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int32(nil), r.pids...)
}

func TestOpenOrder(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{ReceiveBuffer: 4000})
	require.NoError(t, err)
	require.True(t, s.Listening())
	require.Equal(t, 1000, s.ReceiveBuffer(), "what was got, not what was asked for")
	require.Equal(t, 1, k.listeners())

	require.NoError(t, s.Close())
	require.False(t, s.Listening())
	require.Equal(t, []string{
		"dial", "filter", "buffer", "drops", "join", "LISTEN", "receive", "filter",
		"IGNORE", "leave", "wake", "close",
	}, k.steps)
	require.Zero(t, k.open())
	require.Equal(t, Stats{Listens: 1, Ignores: 1}, s.Stats())
	require.Zero(t, k.listeners())
}

func TestOpenFailsAtEachStep(t *testing.T) {
	tests := []struct {
		step string
		op   string
		// The request was taken before the step failed.
		listened bool
	}{
		{step: "dial", op: "dial"},
		{step: "filter", op: "attach filter"},
		{step: "buffer", op: "size buffer"},
		{step: "drops", op: "read drop counter"},
		{step: "join", op: "join"},
		{step: "LISTEN", op: "listen"},
		{step: "receive", op: "listen", listened: true},
	}
	for _, tt := range tests {
		for _, repair := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, repair %v", tt.step, repair), func(t *testing.T) {
				k := newFakeKernel()
				k.count = 2 // other programs listen
				k.failTimes(tt.step, -1)

				dir := t.TempDir()
				s, err := openOn(k.system(), Config{Repair: repair, StateDirectory: dir})
				require.Nil(t, s)
				var opErr *OpError
				require.ErrorAs(t, err, &opErr)
				require.Equal(t, tt.op, opErr.Op)
				require.ErrorIs(t, err, errInjected)

				require.Equal(t, 2, k.listeners())
				require.Equal(t, tt.listened, k.called("IGNORE") == 1)
				require.Zero(t, k.open(), "the sockets are closed")
				require.Empty(t, leaseFiles(t, dir))
			})
		}
	}
}

// The filter cannot be replaced when LISTEN was acknowledged.
func TestOpenCannotIgnoreOthers(t *testing.T) {
	k := newFakeKernel()
	k.failNext("filter", 2)
	dir := stateDir(t)
	_, err := openOn(k.system(), Config{StateDirectory: dir})
	require.ErrorIs(t, err, errInjected)
	require.Equal(t, 1, k.called("IGNORE"))
	require.Zero(t, k.listeners())
	require.Zero(t, k.open())
	require.Empty(t, leaseFiles(t, dir))
}

// That it cannot be found out whether the kernel reports events is told, and does
// not end what has begun.
func TestOpenCannotCheck(t *testing.T) {
	for _, step := range []string{"extra dial", "extra filter", "extra join", "extra receive", "rename", "extra drops", "extra close"} {
		for _, repair := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, repair %v", step, repair), func(t *testing.T) {
				k := newFakeKernel()
				k.dropped = 1
				k.loseAck = true // or nothing would have to be checked
				k.count = 2
				k.failTimes(step, -1)
				dir := stateDir(t)
				s, err := openOn(k.system(), Config{Repair: repair, StateDirectory: dir})
				require.NoError(t, err)
				require.ErrorIs(t, s.Opening().Err, errInjected)
				require.ErrorContains(t, s.Opening().Err, "process connector: check: ")
				require.Equal(t, 3, k.listeners())

				k.failTimes(step, 0)
				f, err := s.Check()
				require.NoError(t, err)
				require.Equal(t, CheckResult{Listening: true}, f)
				require.NoError(t, s.Close())
				require.Equal(t, 2, k.listeners())
				require.Zero(t, k.open())
				require.Empty(t, leaseFiles(t, dir))
			})
		}
	}
}

// An error of closing does not hide why Open failed.
func TestOpenFailsAndSoDoesClosing(t *testing.T) {
	k := newFakeKernel()
	k.failTimes("join", 1)
	k.failTimes("close", 1)
	_, err := openOn(k.system(), Config{})
	require.ErrorContains(t, err, "join: injected")
	require.ErrorContains(t, err, "close: injected")
}

func TestOpenUnacknowledged(t *testing.T) {
	unknown := errors.Join(errUnknown, errInjected)
	tests := map[string]struct {
		setup    func(k *fakeKernel)
		obstacle error
		want     error
		count    int // before and, unless it says otherwise, after
		after    int
	}{
		"dropped, and why cannot be told": {
			setup: func(k *fakeKernel) { k.deafTo = true }, obstacle: unknown, want: ErrUnanswered, count: 1, after: 1,
		},
		"silenced, and why cannot be told: errs upward": {
			setup: func(*fakeKernel) {}, obstacle: unknown, want: ErrUnanswered, count: -2, after: -1,
		},
		"overrun, and whether it was taken cannot be told: errs upward": {
			setup: func(k *fakeKernel) { k.loseAck = true }, obstacle: unknown, want: ErrUnanswered, count: 1, after: 2,
		},
		"not permitted": {
			setup: func(k *fakeKernel) { k.refuse = eperm }, want: ErrPermission, count: 1, after: 1,
		},
		"refused for another reason": {
			setup: func(k *fakeKernel) { k.refuse = uint32(syscall.EINVAL) }, want: ErrRefused, count: 1, after: 1,
		},
		"in another namespace": {
			setup:    func(*fakeKernel) {},
			obstacle: namespaceError{ErrPIDNamespace, ErrUserNamespace}, want: ErrUserNamespace, count: 1, after: 1,
		},
		"no process events": {
			setup: func(*fakeKernel) {}, obstacle: ErrNoProcEvents, want: ErrNoProcEvents, count: 1, after: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel()
			k.count = tt.count
			tt.setup(k)
			sys := k.system()
			sys.obstacle = func() error { return tt.obstacle }

			dir := t.TempDir()
			_, err := openOn(sys, Config{Repair: true, StateDirectory: dir})
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, tt.after, k.listeners())
			require.Zero(t, k.called("IGNORE"))
			require.Zero(t, k.open())
			require.Empty(t, leaseFiles(t, dir), "what is in doubt is not claimed")
			if tt.obstacle != nil && !errors.Is(tt.obstacle, errUnknown) {
				require.Zero(t, k.called("LISTEN"), "nothing is asked for where nobody answers")
			}
		})
	}
}

// The queue had overrun before the acknowledgement came. The canary shows that
// LISTEN was taken all the same.
func TestAcknowledgementIsLost(t *testing.T) {
	k := newFakeKernel()
	k.loseAck = true
	dir := t.TempDir()
	s, err := openOn(k.system(), Config{StateDirectory: dir})
	require.NoError(t, err)
	require.True(t, s.Listening())
	require.Len(t, leaseFiles(t, dir), 1)
	require.NoError(t, s.Close())
	require.Zero(t, k.listeners())
	require.Equal(t, Stats{Listens: 1, Ignores: 1}, s.Stats())
}

// An acknowledgement behind more events than a queue can hold is not looked for
// without end.
func TestAcknowledgementIsNotSearchedForEver(t *testing.T) {
	k := newFakeKernel()
	sys := k.system()
	dial := sys.dial
	sys.dial = func() (socket, error) {
		s, err := dial()
		if fake := s.(*fakeSocket); fake.prefix == "" {
			return endless{fake}, err
		}
		return s, err
	}
	s, err := openOn(sys, Config{})
	require.NoError(t, err)
	require.True(t, s.Listening(), "the canary tells")
	require.NoError(t, s.Close())
	require.Zero(t, k.listeners())
}

// endless is a socket whose queue never empties.
type endless struct{ *fakeSocket }

func (endless) receive(int) ([]datagram, error) { return []datagram{{}}, nil }

// With an obstacle that cannot be looked for, an acknowledged LISTEN is as good
// as any.
func TestOpenWithoutProc(t *testing.T) {
	k := newFakeKernel()
	sys := k.system()
	sys.obstacle = func() error { return errUnknown }
	s, err := openOn(sys, Config{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Zero(t, k.listeners())
}

// The acknowledgement is found among events, forged answers and other programs'
// answers.
func TestAcknowledgementIsMatched(t *testing.T) {
	k := newFakeKernel()
	k.on("LISTEN", func() {
		for i := range uint32(3 * batchLen) {
			k.session().deliver(forkOf(i))
		}
		k.session().deliver(datagram{bytes: message(binary.NativeEndian, eventNone, 12345, 0)})
	})
	k.refuse = eperm
	_, err := openOn(k.system(), Config{})
	require.ErrorIs(t, err, ErrPermission, "somebody else's answer is not ours")

	k = newFakeKernel()
	k.on("LISTEN", func() {
		for i := range uint32(3 * batchLen) {
			k.session().deliver(forkOf(i))
		}
	})
	k.after = []datagram{forkOf(1000), forkOf(1001)}
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)

	// What the kernel queued behind its answer is the session's.
	r := &recorder{}
	done := make(chan error)
	go func() { done <- follow(s, r.take) }()
	require.Eventually(t, func() bool { return len(r.seen()) == 2 }, time.Minute, time.Millisecond)
	require.Equal(t, []int32{1000, 1001}, r.seen())
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
}

// A queue that is never empty still has its losses counted.
func TestLossIsCountedInAStorm(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)
	k.dropped = 77

	counted := make(chan uint64, 1)
	n := 0
	r := &recorder{}
	r.hook = func(*Event) {
		if n++; n == (lossInterval+1)*batchLen {
			counted <- s.Stats().Lost
		}
	}
	for range (lossInterval + 2) * batchLen {
		k.session().queue = append(k.session().queue, forkOf(1))
	}
	done := make(chan error)
	go func() { done <- follow(s, r.take) }()
	require.EqualValues(t, 77, <-counted)
	require.NoError(t, s.Ignore())
	require.NoError(t, <-done)
	require.EqualValues(t, 77, r.loss)
	require.NoError(t, s.Close())
}

func TestForgedAcknowledgement(t *testing.T) {
	k := newFakeKernel()
	k.deafTo = true
	sys := k.system()
	dial := sys.dial
	sys.dial = func() (socket, error) {
		s, err := dial()
		return forger{s.(*fakeSocket)}, err
	}
	s, err := openOn(sys, Config{})
	require.NoError(t, err)
	require.False(t, s.Listening())
	require.NoError(t, s.Close())
}

// A forger answers requests in the kernel's place, under its own port id, and
// sends canaries.
type forger struct{ *fakeSocket }

func (f forger) send(requests ...[]byte) (int, error) {
	for _, request := range requests {
		ack := binary.NativeEndian.Uint32(request[offAck:]) + 1
		f.deliver(datagram{bytes: message(binary.NativeEndian, eventNone, ack, 0), sender: 4711})
	}
	return len(requests), nil
}

func (f forger) join() (uint32, error) {
	canary := message(binary.NativeEndian, EventComm, 0, 4711, ownPID())
	binary.NativeEndian.PutUint64(canary[offTimestamp:], ^uint64(0))
	f.deliver(datagram{bytes: canary, sender: 4711})
	return f.fakeSocket.join()
}

func TestCloseOnce(t *testing.T) {
	k := newFakeKernel()
	k.count = 1
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)

	done := make(chan error)
	go func() { done <- follow(s, new(recorder).take) }()
	require.Eventually(t, func() bool { return k.called("wait") > 0 }, time.Minute, time.Millisecond)

	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if i%2 == 0 {
				_ = s.Ignore() //nolint:errcheck // checked by the count below
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, <-done)
	require.NoError(t, s.Close())
	require.Equal(t, 1, k.called("IGNORE"))
	require.Equal(t, 1, k.called("close"))
	require.Equal(t, 1, k.listeners())
}

// IGNORE goes out before the reader is waited for, whatever that does.
func TestCloseIgnoresFirst(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)

	reading, release := make(chan struct{}), make(chan struct{})
	k.on("receive", func() { close(reading); <-release })
	read := make(chan error)
	go func() {
		var b Batch
		read <- s.Read(&b, -1)
	}()
	<-reading

	closed := make(chan error)
	go func() { closed <- s.Close() }()
	require.Eventually(t, func() bool { return k.listeners() == 0 }, time.Minute, time.Millisecond)
	select {
	case err := <-closed:
		require.Fail(t, "Close returned while a Read was under way", "%v", err)
	case <-time.After(10 * time.Millisecond):
	}
	require.Zero(t, k.called("close"), "the descriptor is still in use")
	close(release)
	require.NoError(t, <-closed)
	require.NoError(t, <-read)
	var b Batch
	require.ErrorIs(t, s.Read(&b, -1), ErrClosed)
}

func TestIgnoreIsTriedAgain(t *testing.T) {
	tests := map[string]struct {
		failures int
		count    int
		fails    bool
	}{
		"the last attempt succeeds":   {failures: sendAttempts - 1, count: 0},
		"all fail: one too many, not": {failures: -1, count: 1, fails: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel()
			k.failTimes("IGNORE", tt.failures)
			s, err := openOn(k.system(), Config{})
			require.NoError(t, err)

			for range 2 { // the second caller hears the same, and nothing is sent again
				err = s.Close()
				require.Equal(t, tt.fails, errors.Is(err, errInjected))
				require.Equal(t, tt.count, k.listeners())
			}
			if tt.fails {
				require.Equal(t, sendAttempts, k.called("IGNORE"))
				require.Zero(t, s.Stats().Ignores)
			}
			require.Equal(t, 1, k.called("close"))
		})
	}
}

func TestCloseReportsItsErrors(t *testing.T) {
	for _, step := range []string{"wake", "close"} {
		t.Run(step, func(t *testing.T) {
			k := newFakeKernel()
			s, err := openOn(k.system(), Config{})
			require.NoError(t, err)
			done := make(chan error)
			go func() { done <- follow(s, new(recorder).take) }()
			require.Eventually(t, func() bool { return k.called("wait") > 0 }, time.Minute, time.Millisecond)
			k.failTimes(step, 1)

			require.ErrorIs(t, errors.Join(s.Close(), s.Closing().Err), errInjected)
			require.NoError(t, <-done)
			require.Zero(t, k.listeners())
		})
	}
}

func TestRead(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)

	r := &recorder{}
	done := make(chan error)
	go func() { done <- follow(s, r.take) }()

	batch := make([]datagram, 0, batchLen+14)
	for i := range uint32(batchLen + 10) {
		batch = append(batch, forkOf(i))
	}
	batch = append(batch,
		datagram{bytes: message(binary.NativeEndian, EventFork, 0, 1, 1, 666, 666), sender: 4711}, // not the kernel
		datagram{bytes: []byte("nonsense")},
		datagram{bytes: message(binary.NativeEndian, eventNone, 99, 0)}, // another program's answer
		forkOf(1000))
	k.session().deliver(batch...)
	require.Eventually(t, func() bool { return len(r.seen()) == batchLen+11 }, time.Minute, time.Millisecond)

	k.mu.Lock()
	k.dropped = 995
	k.mu.Unlock()
	late, sent := forkOf(1001), time.Now()
	binary.NativeEndian.PutUint64(late.bytes[offTimestamp:], Monotonic()-uint64(time.Hour.Nanoseconds()))
	k.session().deliver(late)
	require.Eventually(t, func() bool { return s.Stats().Lost == 995 }, time.Minute, time.Millisecond)
	lag := s.TakeLag()
	require.GreaterOrEqual(t, lag, time.Hour)
	require.LessOrEqual(t, lag, time.Hour+time.Since(sent)+time.Millisecond, "and the clocks' difference")
	require.Zero(t, s.TakeLag(), "taken is taken")

	// What is queued when the session closes is still handed over.
	k.mu.Lock()
	for i := range uint32(3 * batchLen) {
		k.sockets[0].queue = append(k.sockets[0].queue, forkOf(2000+i))
	}
	k.mu.Unlock()
	require.NoError(t, s.Ignore())
	require.NoError(t, <-done)
	require.NoError(t, s.Close())

	seen := r.seen()
	for i := range batchLen + 10 {
		require.EqualValues(t, i, seen[i])
	}
	require.Equal(t, []int32{1000, 1001, 2000}, seen[batchLen+10:batchLen+13])
	require.Len(t, seen, 4*batchLen+12)
	require.EqualValues(t, 995, r.loss)
	require.Equal(t, Stats{Listens: 1, Ignores: 1, Events: uint64(4*batchLen + 12), Lost: 995, Spoofed: 1, Malformed: 1}, s.Stats())

	var b Batch
	require.ErrorIs(t, s.Read(&b, -1), ErrClosed)
}

// Without events Read returns after a time, or when it is woken.
func TestReadWithoutEvents(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)
	var b Batch
	require.NoError(t, s.Read(&b, -1), "it has not seen yet that the queue is empty")
	last := b.Until
	for range 3 {
		require.NoError(t, s.Read(&b, time.Millisecond))
		require.Empty(t, b.Events)
		require.Greater(t, b.Until, last)
		last = b.Until
	}
	require.NoError(t, s.Wake())
	require.NoError(t, s.Read(&b, -1))
	require.NoError(t, s.Close())
}

// The kernel's drop counter has 32 bits and may pass zero.
func TestLossPassesZero(t *testing.T) {
	k := newFakeKernel()
	k.dropped = 0xfffffff0
	s, err := openOn(k.system(), Config{})
	require.NoError(t, err)
	r := &recorder{}
	done := make(chan error)
	go func() { done <- follow(s, r.take) }()
	require.Eventually(t, func() bool { return s.Stats().Lost == 0xfffffff0 }, time.Minute, time.Millisecond)

	k.mu.Lock()
	k.dropped = 0x10
	k.mu.Unlock()
	k.session().deliver(forkOf(1))
	require.Eventually(t, func() bool { return s.Stats().Lost == 0x1_0000_0010 }, time.Minute, time.Millisecond)
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
}

func TestReadFails(t *testing.T) {
	for _, step := range []string{"receive", "drops later", "wait"} {
		t.Run(step, func(t *testing.T) {
			k := newFakeKernel()
			s, err := openOn(k.system(), Config{})
			require.NoError(t, err)
			k.failTimes(step, -1)

			err = follow(s, new(recorder).take)
			require.ErrorIs(t, err, errInjected)
			require.ErrorContains(t, err, "process connector: read: ")
			require.True(t, s.Listening(), "the count is still owed")
			require.NoError(t, s.Close())
			require.Zero(t, k.listeners())
		})
	}
}

func TestNamespaceError(t *testing.T) {
	err := error(&OpError{Op: "listen", Err: namespaceError{ErrNetworkNamespace, ErrPIDNamespace}})
	require.ErrorIs(t, err, ErrNetworkNamespace)
	require.ErrorIs(t, err, ErrPIDNamespace)
	require.NotErrorIs(t, err, ErrUserNamespace)
	require.ErrorContains(t, err, "the host's network and pid namespaces, and")

	require.ErrorContains(t, namespaceError{ErrUserNamespace}, "the host's user namespace, and")
	require.ErrorContains(t, namespaceError{ErrNetworkNamespace, ErrPIDNamespace, ErrUserNamespace}, "the host's network, pid and user namespaces, and")
}

// decoding returns what happens to a batch after the system call.
func decoding() func() {
	s := &Session{clock: newClock(hostClock())}
	batch := make([]datagram, 0, batchLen)
	for i := range uint32(batchLen) {
		batch = append(batch, forkOf(i))
	}
	var events [batchLen]Event
	return func() { s.decode(batch, events[:]) }
}

// No event costs memory.
func TestDecodingDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(1000, decoding()))
}

func BenchmarkReceiveDecode(b *testing.B) {
	round := decoding()
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchLen, "ns/event")
}

// What is set while events are read holds from the next wait on.
func TestSetWindow(t *testing.T) {
	k := newFakeKernel()
	s, err := openOn(k.system(), Config{Window: time.Second})
	require.NoError(t, err)
	sock := k.session()
	for len(sock.wakeup) > 0 {
		<-sock.wakeup // from opening
	}
	sock.slept = make(chan time.Duration, 10)
	done := make(chan error)
	go func() { done <- follow(s, new(recorder).take) }()

	require.Equal(t, time.Second, <-sock.slept)
	for _, window := range []time.Duration{0, 2 * time.Millisecond} {
		s.SetWindow(window)
		require.NoError(t, s.Wake())
		require.Equal(t, window, <-sock.slept)
	}
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
}

// Without an alarm nothing may queue up, and the session goes on.
func TestNoAlarm(t *testing.T) {
	k := newFakeKernel()
	k.failTimes("alarm", 1)
	s, err := openOn(k.system(), Config{Window: time.Second})
	require.NoError(t, err)
	require.ErrorIs(t, s.Opening().Err, errInjected)
	require.Zero(t, s.receiver.window.Load())
	require.NoError(t, s.Close())
}
