package proc_connector

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
)

// A Feed is, in the plugin's place, a source of made-up execs: more a second than
// a machine could start. It is for the benchmark of what comes after the
// tracker (test/benchexecd). The build of its binary lays this file over the plugin's
// directory.
type Feed struct {
	Rate     int // execs a second
	Duration time.Duration
	Log      telegraf.Logger

	emitter  *emitter
	stopping chan struct{}
	stopOnce sync.Once
	feeding  sync.WaitGroup
	emitting sync.WaitGroup
}

// feedInterval is how often execs come in, as they come from the kernel: some at
// a time.
const feedInterval = time.Millisecond

// Start begins to feed.
func (f *Feed) Start(acc telegraf.Accumulator) error {
	p, ok := inputs.Inputs["proc_connector"]().(*ProcConnector)
	if !ok {
		return errors.New("the plugin is not registered")
	}
	var err error
	if f.emitter, err = p.emitter(acc); err != nil {
		return err
	}
	f.stopping = make(chan struct{})
	f.Log.Infof("Feeding %d execs a second for %v", f.Rate, f.Duration)
	f.emitting.Go(f.emitter.run)
	f.feeding.Go(f.feed)
	return nil
}

func (f *Feed) feed() {
	ticker := time.NewTicker(feedInterval)
	defer ticker.Stop()
	start, fed := time.Now(), 0
	for {
		elapsed := min(time.Since(start), f.Duration)
		for due := int(elapsed.Seconds() * float64(f.Rate)); fed < due; fed++ {
			f.emitter.offer(f.exec(fed))
		}
		f.emitter.flush()
		if elapsed == f.Duration {
			f.Log.Infof("Fed %d execs in %v, dropped %d", fed, elapsed, f.emitter.dropped.Load())
			return
		}
		select {
		case <-ticker.C:
		case <-f.stopping:
			return
		}
	}
}

// exec makes up an exec: a command line of 20 to 160 bytes, and what else is read
// with it.
func (f *Feed) exec(n int) *execEvent {
	arguments := fmt.Appendf(nil, "/usr/bin/worker\x00--job=%d\x00", n)
	for i := range n % 8 {
		arguments = fmt.Appendf(arguments, "--option-%d=value\x00", i)
	}
	ev := &execEvent{
		details:       details{command: "worker", ppid: int32(200 + n%100), exe: "/usr/bin/worker", cwd: "/var/lib/worker"},
		time:          time.Now(),
		pid:           int32(300 + n%4_000_000),
		uidKnown:      true,
		parentCommand: "dispatcher",
	}
	ev.cmdline = append(ev.room[:0], arguments...)
	return ev
}

// Gather adds nothing.
func (*Feed) Gather(telegraf.Accumulator) error { return nil }

// Ignore does nothing: no listener is counted.
func (*Feed) Ignore() {}

// Stop returns when all that was fed has reached the accumulator.
func (f *Feed) Stop() {
	f.stopOnce.Do(func() {
		close(f.stopping)
		f.feeding.Wait()
		f.emitter.close()
		f.emitting.Wait()
	})
}
