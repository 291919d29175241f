package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	telegraf_logger "github.com/influxdata/telegraf/logger"
	"github.com/influxdata/telegraf/plugins/common/shim"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// stopTimeout bounds how long a stop waits for Telegraf to take the last
// metrics. The kernel's listener count has been given back by then.
const stopTimeout = 3 * time.Second

// A server runs the plugin under Telegraf's shim, which reads requests to
// gather from stdin and writes metrics to stdout. The shim alone would leave
// the kernel's listener count too high in several ways, so it never sees the
// outside directly:
//
//   - It knows two signals; others would end the program without Stop. The
//     server takes all that can end it.
//   - It stops the plugin only between two gathers, and a gather waits for as
//     long as stdout is blocked. The server gives the count back itself, first
//     of all, and bounds the rest with stopTimeout.
//   - It returns without Stop when stdout breaks, if the program survives the
//     SIGPIPE at all.
//   - It closes its channel of metrics when Stop returns, and a later metric
//     would panic. The plugin's Stop returns when no metric can come any more,
//     to whichever of several callers.
type server struct {
	plugin *proc_connector.ProcConnector
	log    *logger

	// requests is the other end of what the shim takes for stdin: a line asks
	// for metrics, the end of file ends the shim.
	requests *os.File

	mu       sync.Mutex    // held while the plugin starts, and when it is told to stop
	stopping chan struct{} // closed when the program is told to stop: the kernel's count has been given back
	status   int           // exit status of a program that was told to stop
	startErr error

	shimSaid lastLine
}

// lastLine keeps the last message that was logged to it, without the time, level
// and attributes in front of it.
type lastLine struct {
	mu   sync.Mutex
	line string
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := strings.TrimSpace(string(p))
	if _, message, ok := strings.Cut(line, "! "); ok {
		line = message
	}
	if attributes, message, ok := strings.Cut(line, ") "); ok && strings.HasPrefix(attributes, "(") {
		line = message
	}
	l.line = line
	return len(p), nil
}

func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line
}

// catchSignals takes over all signals that would end the program. It comes before
// all else, so that a request for metrics does not end a program that is about
// to start.
func catchSignals() chan os.Signal {
	// A broken pipe is an error of a write, not the end of the program.
	signal.Ignore(brokenPipe)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, slices.Concat(gatherSignals, stopSignals, linuxStopSignals)...)
	return signals
}

// serve runs the plugin until it is told to stop and returns the exit status.
func serve(plugin *proc_connector.ProcConnector, pollInterval time.Duration, signals <-chan os.Signal, log *logger) int {
	defer log.flush()

	stdin := os.Stdin
	shimStdin, requests, err := os.Pipe()
	if err != nil {
		log.Errorf("Making a pipe failed: %v", err)
		return 1
	}
	os.Stdin = shimStdin // the shim takes it from here

	s := &server{
		plugin:   plugin,
		log:      log,
		requests: requests,
		stopping: make(chan struct{}),
	}

	// The shim logs with a time before the level, which execd would take for an
	// error of unknown kind. It only ever says why it ends.
	telegraf_logger.RedirectLogging(&s.shimSaid)
	sh := shim.New()
	if err := sh.AddInput(&supervised{s: s}); err != nil {
		log.Error(err)
		return 1
	}

	go s.readSignals(signals)
	go s.readStdin(stdin)

	ran := make(chan error, 1)
	go func() { ran <- sh.Run(pollInterval) }()
	return s.wait(ran)
}

// wait returns the exit status when the shim has ended, or has been told to and
// does not.
func (s *server) wait(ran <-chan error) int {
	var timeout <-chan time.Time
	stopping := s.stopping
	for {
		select {
		case <-stopping:
			stopping, timeout = nil, time.After(stopTimeout)
		case <-timeout:
			s.log.Errorf("Stopped listening, but stdout did not take the last metrics within %v: they are lost", stopTimeout)
			return 1
		case err := <-ran:
			return s.ended(err)
		}
	}
}

// ended deals with the shim's return.
func (s *server) ended(err error) int {
	if s.startErr != nil {
		s.log.Errorf("Starting failed: %v%s", s.startErr, seeDoctor(s.startErr))
		return 1
	}
	said := s.shimSaid.String()
	if err == nil && said == "" {
		// It was told to, by the server or by a signal that it heard first.
		s.stop(0)
		return s.status
	}
	if !s.stop(1) {
		return s.status
	}
	// It ends by itself only when it cannot write a metric: as a rule because
	// nobody reads stdout any more. So the plugin cannot finish either, and is
	// not waited for.
	if err != nil {
		s.log.Error(err)
	}
	s.log.Errorf("Metrics cannot be written to stdout, the program ends: %s", said)
	return 1
}

// stop gives the kernel's listener count back, and only then tells the plugin
// to stop and the shim to end, with the exit status that is given. It waits for
// neither. It reports whether it was the first to be called.
func (s *server) stop(status int) bool {
	// A start that is under way is over in a moment, and none begins afterwards.
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return false
	default:
	}
	s.plugin.Ignore()
	s.status = status
	close(s.stopping)

	go s.plugin.Stop()
	// The shim ends when its stdin does.
	if err := s.requests.Close(); err != nil {
		s.log.Errorf("Ending the shim failed: %v", err)
	}
	return true
}

// readSignals gathers or stops, as the signal says.
func (s *server) readSignals(signals <-chan os.Signal) {
	for sig := range signals {
		gather := false
		for _, g := range gatherSignals {
			gather = gather || sig == g
		}
		if gather {
			s.gather()
		} else {
			s.stop(0)
		}
	}
}

// readStdin gathers for each line, and stops when stdin ends, which is how
// Telegraf ends the program. With /dev/null there is nobody to end it.
func (s *server) readStdin(stdin *os.File) {
	if isNull(stdin) {
		return
	}
	r := bufio.NewReader(stdin)
	for {
		_, isPrefix, err := r.ReadLine()
		if err != nil {
			s.stop(0)
			return
		}
		if !isPrefix {
			s.gather()
		}
	}
}

func isNull(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// gather asks the shim for metrics. It merges requests that it has not come to,
// so the pipe is never full for long; and once it is closed nobody asks.
func (s *server) gather() {
	select {
	case <-s.stopping:
	default:
		// It fails when the shim is about to end, and then nobody reads.
		_, _ = fmt.Fprintln(s.requests)
	}
}

// supervised is the plugin as the shim sees it.
type supervised struct {
	s       *server
	failure string // of the last gather
}

// SampleConfig implements telegraf.Input.
func (v *supervised) SampleConfig() string { return v.s.plugin.SampleConfig() }

// Start starts the plugin, and keeps the error in its own words. A program that
// was told to stop before it had started does not start.
func (v *supervised) Start(acc telegraf.Accumulator) error {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	select {
	case <-v.s.stopping:
		return nil
	default:
	}
	v.s.startErr = v.s.plugin.Start(acc)
	return v.s.startErr
}

// Gather logs an error itself, since the shim would write it without a level,
// and once where it is the same each time: that others have silenced the
// connector, say, which is looked into at each gather. When the plugin receives
// nothing any more the program ends, so that Telegraf sees it and starts it
// again.
func (v *supervised) Gather(acc telegraf.Accumulator) error {
	select {
	case <-v.s.stopping:
		return nil
	default:
	}
	err := v.s.plugin.Gather(acc)
	select {
	case <-v.s.stopping: // meanwhile
		return nil
	default:
	}
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	if failure != v.failure && err != nil {
		v.s.log.Errorf("Gathering failed: %v%s", err, seeDoctor(err))
	}
	v.failure = failure
	var opErr *cnproc.OpError
	if errors.As(err, &opErr) && opErr.Op == "receive" {
		v.s.stop(1)
	}
	return nil
}

// Stop is called by the shim when it ends.
func (v *supervised) Stop() { v.s.plugin.Stop() }
