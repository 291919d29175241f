package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

var (
	// gatherSignals ask for metrics: those that execd can be told to send.
	gatherSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
	// stopSignals are all others that end a Go program if somebody sends them. Faults of the
	// program itself do not come this way.
	stopSignals = []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS,
		syscall.SIGILL, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSTKFLT,
	}
)

// catchSignals takes over all signals that would end the program. It comes before all else,
// so that a request for metrics does not end a program that is about to start, and before
// whatever takes back in a moment what it does to the kernel's listener count: an impatient
// Ctrl-C must not prevent that.
func catchSignals() chan os.Signal {
	signal.Ignore(syscall.SIGPIPE) // a broken pipe is an error of a write, not the end of the program
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, slices.Concat(gatherSignals, stopSignals)...)
	return signals
}

// stopTimeout bounds how long a stop waits for the plugin to end, and for Telegraf to take the
// last metrics. The kernel's listener count has been given back by then.
const stopTimeout = 3 * time.Second

// A plugin is what a server runs: proc_connector.ProcConnector.
type plugin interface {
	Start(acc telegraf.Accumulator) error
	Gather(acc telegraf.Accumulator) error
	Ignore()
	Stop()
}

// A server runs the plugin for somebody at the other ends of stdin and stdout, as execd is.
// Telegraf has a shim for that purpose (plugins/common/shim), but that keeps no promise about
// the kernel's listener count: it knows two signals, does not stop a plugin while stdout is
// blocked, and not at all when stdout breaks.
//
// Whatever ends the program calls stop, which gives the count back before anything is waited
// for.
type server struct {
	plugin   plugin
	log      *logger
	output   *output
	requests chan struct{} // for metrics; capacity 1, as pending requests coalesce
	patience time.Duration // stopTimeout, or a test's

	mu       sync.Mutex      // held while the plugin starts, and when it is told to stop
	stopping context.Context // done once the kernel's count has been given back for a stop
	end      context.CancelFunc
	status   int // exit status of a program that was told to stop

	failure string // of the last gather
}

func newServer(p plugin, stdout io.Writer, log *logger) *server {
	s := &server{plugin: p, log: log, output: newOutput(stdout, log), requests: make(chan struct{}, 1), patience: stopTimeout}
	s.stopping, s.end = context.WithCancel(context.Background())
	context.AfterFunc(s.output.failed, func() { s.stop(1) })
	return s
}

// serve runs the plugin until it is told to stop and returns the exit status.
func serve(p plugin, pollInterval time.Duration, signals <-chan os.Signal, log *logger) int {
	// What Telegraf's packages log by themselves, such as fields that are no number, has a
	// time before the level, which execd takes for an error.
	stdlog.SetOutput(io.Discard)

	s := newServer(p, os.Stdout, log)
	go s.guard(func() { s.readSignals(signals) })
	if !isNull(os.Stdin) {
		go s.guard(func() { s.readStdin(os.Stdin) })
	}
	return s.run(pollInterval)
}

// run starts the plugin, and returns the exit status when it has stopped and all was written,
// or that is waited for in vain.
func (s *server) run(pollInterval time.Duration) int {
	if err := s.start(); err != nil {
		s.log.Errorf("Starting failed: %v%s", err, seeDoctor(err))
		return 1
	}
	finished := make(chan struct{})
	go s.guard(func() {
		s.gatherUntilStop(pollInterval)
		s.plugin.Stop()
		s.output.close()
		close(finished)
	})

	<-s.stopping.Done()
	select {
	case <-finished:
	case <-s.output.failed.Done(): // so the plugin may be unable to finish, and is not waited for
	case <-time.After(s.patience):
		if s.output.blocked() {
			s.log.Errorf("Stopped listening, but stdout did not take the last metrics within %v: they are lost", s.patience)
		} else {
			s.log.Errorf("Stopped listening, but the plugin did not end within %v: its last metrics may be lost", s.patience)
		}
		return 1
	}
	if err := context.Cause(s.output.failed); err != nil {
		s.log.Errorf("Metrics cannot be written to stdout, the program ends: %v", err)
		return 1
	}
	return s.status
}

// start starts the plugin, unless the program was told to stop before that.
func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() {
		return nil
	}
	return s.plugin.Start(s.output)
}

// stop gives the kernel's listener count back, and only then tells the rest to end, with the
// exit status that is given. It waits for none of that, but up to 0.7 s for other
// sessions that are at work on the count.
func (s *server) stop(status int) {
	// A start that is under way is over in a moment, and none begins afterwards.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() {
		return
	}
	s.plugin.Ignore()
	s.status = status
	s.end()
}

func (s *server) stopped() bool { return s.stopping.Err() != nil }

// guard runs f and, if f does not return, gives the kernel's listener count back.
func (s *server) guard(f func()) { proc_connector.Guard(f, s.plugin.Ignore) }

// readSignals gathers or stops, as the signal says.
func (s *server) readSignals(signals <-chan os.Signal) {
	for sig := range signals {
		if slices.Contains(gatherSignals, sig) {
			s.request()
		} else {
			s.stop(0)
		}
	}
}

// readStdin gathers for each line, and stops when stdin ends, which is how Telegraf ends the
// program.
func (s *server) readStdin(stdin io.Reader) {
	r := bufio.NewReader(stdin)
	for {
		_, isPrefix, err := r.ReadLine()
		if err != nil {
			s.stop(0)
			return
		}
		if !isPrefix {
			s.request()
		}
	}
}

// isNull reports whether a file is /dev/null, which nobody can end.
func isNull(f *os.File) bool {
	info, err := f.Stat()
	null, nullErr := os.Stat(os.DevNull)
	return err == nil && nullErr == nil && os.SameFile(info, null)
}

// request asks for metrics. Requests that come while one waits are the same as that.
func (s *server) request() {
	select {
	case s.requests <- struct{}{}:
	default:
	}
}

// gatherUntilStop gathers at the interval, if there is one, and when asked to.
func (s *server) gatherUntilStop(interval time.Duration) {
	due := time.Tick(interval)
	for {
		select {
		case <-s.stopping.Done():
		case <-s.requests:
		case <-due:
		}
		if s.stopped() {
			return // of several reasons to go on, that one counts
		}
		s.gather()
	}
}

// gather logs an error once where it is the same each time: that others have silenced the
// connector, say, which is looked into at each gather. When the plugin receives nothing any
// more the program ends, so that Telegraf sees it and starts it again.
func (s *server) gather() {
	err := s.plugin.Gather(s.output)
	s.output.Flush()
	if s.stopped() {
		return // and the error is usually that there is nobody to ask
	}
	failure := ""
	if err != nil {
		failure = fmt.Sprintf("Gathering failed: %v%s", err, seeDoctor(err))
		if failure != s.failure {
			s.log.Error(failure)
		}
	}
	s.failure = failure
	if errors.Is(err, proc_connector.ErrNotReceiving) {
		s.stop(1)
	}
}
