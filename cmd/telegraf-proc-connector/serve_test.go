package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// testTimeout is for what happens at once, on a machine that has much else to do.
const testTimeout = time.Minute

// A fakePlugin notes what is called.
type fakePlugin struct {
	start, gather func(acc telegraf.Accumulator) error
	stop          func()

	mu    sync.Mutex
	calls []string
}

func (p *fakePlugin) note(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
}

func (p *fakePlugin) noted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, " ")
}

func (p *fakePlugin) Start(acc telegraf.Accumulator) error {
	p.note("start")
	if p.start == nil {
		return nil
	}
	return p.start(acc)
}

func (p *fakePlugin) Gather(acc telegraf.Accumulator) error {
	p.note("gather")
	if p.gather == nil {
		return nil
	}
	return p.gather(acc)
}

func (p *fakePlugin) Ignore() { p.note("ignore") }

func (p *fakePlugin) Stop() {
	p.note("stop")
	if p.stop != nil {
		p.stop()
	}
}

func aMetric(name string) telegraf.Metric {
	return metric.New(name, nil, map[string]any{"n": 1}, time.Unix(0, 1))
}

// serving runs a server with the plugin, and returns it with a function that waits
// for what it has returned and logged.
func serving(t *testing.T, p *fakePlugin, stdout io.Writer, interval time.Duration) (*server, func() (status int, log string)) {
	t.Helper()
	var text bytes.Buffer
	log := newLogger(&text)
	s := newServer(p, stdout, log)
	status := make(chan int, 1)
	go func() { status <- s.run(interval) }()
	return s, func() (int, string) {
		select {
		case got := <-status:
			log.flush()
			return got, text.String()
		case <-time.After(testTimeout):
			require.Fail(t, "The server does not end")
			return 0, ""
		}
	}
}

// A gated writer passes on what is written when it is told to.
type gated struct {
	arrived chan string
	pass    chan struct{}
}

func (g *gated) Write(p []byte) (int, error) {
	g.arrived <- string(p)
	<-g.pass
	return len(p), nil
}

// What was added is written in one go when the batch is complete.
func TestOutputWritesBatches(t *testing.T) {
	var out bytes.Buffer
	counted := &countingWriter{Writer: &out}
	o := newOutput(counted, newLogger(io.Discard))
	const batch = 500
	for n := range 3 {
		for range batch {
			o.AddMetric(aMetric("burst"))
		}
		require.Equal(t, n, counted.writes)
		o.Flush()
		o.Flush()
		require.Equal(t, n+1, counted.writes)
		require.Equal(t, strings.Repeat("burst n=1i 1\n", (n+1)*batch), out.String())
	}
}

// However large a batch is, a write is not much more than what fits a pipe.
func TestOutputWritesAreBounded(t *testing.T) {
	const metrics = 200
	g := &gated{arrived: make(chan string, metrics), pass: make(chan struct{}, metrics)}
	o := newOutput(g, newLogger(io.Discard))
	name := strings.Repeat("x", 1000)
	for range metrics {
		g.pass <- struct{}{}
		o.AddMetric(aMetric(name))
	}
	o.close()
	close(g.arrived)
	var writes, lines int
	for text := range g.arrived {
		writes++
		lines += strings.Count(text, "\n")
		require.Less(t, len(text), outputBatch+2*len(name))
	}
	require.Equal(t, metrics, lines)
	require.Equal(t, 1+metrics*1010/outputBatch, writes)
}

// A metric that is none in line protocol ends nothing, and is told of once.
func TestOutputLeavesOutWhatIsNoLine(t *testing.T) {
	var out, text bytes.Buffer
	log := newLogger(&text)
	o := newOutput(&out, log)
	bad := metric.New("bad", nil, nil, time.Unix(0, 1))
	for _, m := range []telegraf.Metric{bad, aMetric("first"), bad, bad, aMetric("second"), bad} {
		o.AddMetric(m)
	}
	o.close()
	log.flush()
	require.Equal(t, "first n=1i 1\nsecond n=1i 1\n", out.String())
	require.Equal(t, `E! A metric cannot be written as line protocol and is left out, as will others like it: "bad": no serializable fields
E! Metrics that could not be written as line protocol: 4
`, text.String())
}

// The count is given back first of all, and what was added until the plugin has
// stopped is written.
func TestServerStops(t *testing.T) {
	const early = 1000
	var out bytes.Buffer
	started := make(chan struct{})
	p := &fakePlugin{start: func(acc telegraf.Accumulator) error {
		for range early {
			acc.AddMetric(aMetric("early"))
		}
		close(started)
		return nil
	}}
	s, ended := serving(t, p, &out, 0)
	<-started
	s.stop(0)
	s.stop(1)
	status, log := ended()
	require.Zero(t, status)
	require.Empty(t, log)
	require.Equal(t, "start ignore stop", p.noted())
	require.Equal(t, early, strings.Count(out.String(), "early n=1i 1\n"))
}

// Who is waited for in vain is the one to be blamed.
func TestServerLosesPatience(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	for name, tt := range map[string]struct {
		stdout io.Writer
		stop   func()
		log    string
	}{
		"stdout": {
			stdout: &gated{arrived: make(chan string, 1), pass: hold},
			log:    "E! Stopped listening, but stdout did not take the last metrics within 50ms: they are lost\n",
		},
		"the plugin": {
			stdout: io.Discard,
			stop:   func() { <-hold },
			log:    "E! Stopped listening, but the plugin did not end within 50ms: its last metrics may be lost\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			started := make(chan struct{})
			p := &fakePlugin{stop: tt.stop, start: func(acc telegraf.Accumulator) error {
				acc.AddMetric(aMetric("last"))
				close(started)
				if tt.stop == nil {
					go acc.(*output).Flush()
				}
				return nil
			}}
			var text bytes.Buffer
			log := newLogger(&text)
			s := newServer(p, tt.stdout, log)
			s.patience = 50 * time.Millisecond
			status := make(chan int, 1)
			go func() { status <- s.run(0) }()
			<-started
			if g, ok := tt.stdout.(*gated); ok {
				<-g.arrived
			}
			s.stop(0)
			require.Equal(t, 1, <-status)
			log.flush()
			require.Equal(t, tt.log, text.String())
			require.Eventually(t, func() bool { return p.noted() == "start ignore stop" }, testTimeout, time.Millisecond)
		})
	}
}

func TestServerIsStoppedBeforeItStarts(t *testing.T) {
	p := &fakePlugin{}
	s := newServer(p, io.Discard, newLogger(io.Discard))
	s.stop(0)
	require.Zero(t, s.run(time.Hour))
	require.Equal(t, "ignore stop", p.noted())
}

func TestServerDoesNotStart(t *testing.T) {
	p := &fakePlugin{start: func(telegraf.Accumulator) error { return &cnproc.OpError{Op: "listen", Err: cnproc.ErrPermission} }}
	_, ended := serving(t, p, io.Discard, 0)
	status, log := ended()
	require.Equal(t, 1, status)
	require.True(t, strings.HasPrefix(log, "E! Starting failed: "), log)
	require.Equal(t, 1, strings.Count(log, "\n"))
	require.Contains(t, log, "doctor")
}

// A stdout that breaks ends the program, after the count was given back.
func TestServerLosesStdout(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.CloseWithError(errors.New("nobody reads")))
	p := &fakePlugin{gather: func(acc telegraf.Accumulator) error {
		acc.AddMetric(aMetric("lost"))
		return nil
	}}
	s, ended := serving(t, p, w, 0)
	s.request()
	status, log := ended()
	require.Equal(t, 1, status)
	require.Equal(t, "E! Metrics cannot be written to stdout, the program ends: nobody reads\n", log)
	require.Contains(t, p.noted(), "start gather ignore")
}

// Requests that come while the plugin is busy are one, and a stdin that ends
// stops the server.
func TestServerMergesRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	p := &fakePlugin{gather: func(telegraf.Accumulator) error {
		entered <- struct{}{}
		<-leave
		return nil
	}}
	s, ended := serving(t, p, io.Discard, 0)
	r, w := io.Pipe()
	go s.readStdin(r)
	_, err := io.WriteString(w, "\n")
	require.NoError(t, err)
	<-entered
	_, err = io.WriteString(w, "\nanything\n"+strings.Repeat("x", 10_000)+"\n")
	require.NoError(t, err)
	leave <- struct{}{}
	<-entered
	require.NoError(t, w.Close())
	<-s.stopping.Done()
	leave <- struct{}{}
	status, log := ended()
	require.Zero(t, status)
	require.Empty(t, log)
	require.Equal(t, "start gather gather ignore stop", p.noted())
}

// An error is logged once, as long as it stays the same.
func TestServerLogsErrorsOfGathering(t *testing.T) {
	failures := make(chan error)
	p := &fakePlugin{gather: func(telegraf.Accumulator) error { return <-failures }}
	s, ended := serving(t, p, io.Discard, time.Millisecond)
	one := errors.New("one")
	for _, err := range []error{one, one, nil, one, errors.New("another"), fmt.Errorf("%w: %w", proc_connector.ErrNotReceiving, cnproc.ErrMalformed)} {
		failures <- err
	}
	<-s.stopping.Done()
	status, log := ended()
	require.Equal(t, 1, status, "it receives nothing any more")
	lines := strings.SplitAfter(log, "\n")
	require.Equal(t, []string{"E! Gathering failed: one\n", "E! Gathering failed: one\n", "E! Gathering failed: another\n"}, lines[:3])
	require.Len(t, lines, 5)
	require.True(t, strings.HasSuffix(p.noted(), "gather ignore stop"), p.noted())
}

// Whatever panics, the count is given back.
func TestServerGuards(t *testing.T) {
	p := &fakePlugin{}
	s := newServer(p, io.Discard, newLogger(io.Discard))
	require.PanicsWithValue(t, "enough", func() { s.guard(func() { panic("enough") }) })
	require.Equal(t, "ignore", p.noted())
	s.guard(func() {})
	require.Equal(t, "ignore", p.noted())
}
