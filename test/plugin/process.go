package plugin

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
)

// logListening is in the line that the plugin logs once the kernel counts it.
const logListening = "Listening to the process connector"

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second
)

// Process is a running plugin. Its methods fail the test that started it, so
// they must be called from that test's goroutine.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser // nil if the test has seen to it
	stdout *output.Output
	stderr *output.Output
	exited chan struct{}
	err    error // of Wait, once exited is closed

	metrics []telegraf.Metric // what stdout held up to parsed
	parsed  int
}

// Option changes how Start runs the plugin.
type Option func(*options)

type options struct {
	cmd    *exec.Cmd
	state  string
	noWait bool
}

// Args adds arguments. Without any, the plugin has its default options and
// reports its counters only when it is asked to.
func Args(args ...string) Option {
	return func(o *options) { o.cmd.Args = append(o.cmd.Args, args...) }
}

// Command lets a test change the command before it runs: streams of its own,
// environment, credentials, another program that starts the plugin.
func Command(change func(*exec.Cmd)) Option {
	return func(o *options) { change(o.cmd) }
}

// StateDir has the plugin keep its leases in the directory, and not in one that no
// other plugin knows.
func StateDir(dir string) Option {
	return func(o *options) { o.state = dir }
}

// Faultpoints runs the binary of BuildFaultpoints, and kills it at the point.
// Without a name it goes on like any other.
func Faultpoints(t testing.TB, point string) Option {
	t.Helper()
	binary := BuildFaultpoints(t)
	return func(o *options) {
		o.cmd.Path, o.cmd.Args[0] = binary, binary
		o.cmd.Env = append(os.Environ(), FaultpointEnv+"="+point)
	}
}

// NoWait makes Start return at once, for a plugin that is expected to fail or
// to be stopped early.
func NoWait() Option {
	return func(o *options) { o.noWait = true }
}

// Start runs the plugin and waits until the kernel counts it. When the test ends
// the plugin is stopped, unless it has ended.
func Start(t testing.TB, opts ...Option) *Process {
	t.Helper()
	p := &Process{
		t:      t,
		cmd:    exec.Command(Build(t), "--poll-interval", "0"),
		stdout: output.New(),
		stderr: output.New(),
		exited: make(chan struct{}),
	}
	// A child that outlives the plugin must not keep us waiting.
	p.cmd.WaitDelay = time.Second
	o := options{cmd: p.cmd}
	for _, opt := range opts {
		opt(&o)
	}
	if o.state == "" {
		o.state = state.Dir(t)
	}
	state.Use(p.cmd, o.state)
	if p.cmd.Stdout == nil {
		p.cmd.Stdout = p.stdout
	}
	if p.cmd.Stderr == nil {
		p.cmd.Stderr = p.stderr
	}
	if p.cmd.Stdin == nil {
		stdin, err := p.cmd.StdinPipe()
		if err != nil {
			t.Fatalf("Making a pipe for the plugin: %v", err)
		}
		p.stdin = stdin
	}

	if err := p.cmd.Start(); err != nil {
		t.Fatalf("Starting the plugin: %v", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		p.stdout.End()
		p.stderr.End()
		close(p.exited)
	}()
	t.Cleanup(func() {
		// The plugin may have ended already, or do so just now.
		if err := p.cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			p.Wait(stopTimeout)
		}
	})

	if !o.noWait {
		p.WaitStderr(logListening, startTimeout)
	}
	return p
}

// Pid returns the plugin's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stdout returns what the plugin has written to its standard output so far.
func (p *Process) Stdout() string { return p.stdout.Since(0) }

// Stderr returns what the plugin has logged so far.
func (p *Process) Stderr() string { return p.stderr.Since(0) }

// WaitStderr waits until the substring is anywhere in the log, and fails the test
// when it is not there in time or the plugin ends without it.
func (p *Process) WaitStderr(substring string, timeout time.Duration) {
	p.t.Helper()
	if _, err := p.stderr.Wait(0, substring, pace.Wait(timeout)); err != nil {
		p.t.Fatalf("No %q in the log of the plugin: %v\n%s", substring, err, p.Stderr())
	}
}

// Signal sends the signal.
func (p *Process) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("Sending %s to the plugin: %v\n%s", sig, err, p.Stderr())
	}
}

// Ask sends the line that asks for counters.
func (p *Process) Ask() {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		p.t.Fatalf("Asking the plugin for counters: %v\n%s", err, p.Stderr())
	}
}

// CloseStdin ends the plugin's standard input, as Telegraf does to stop it.
func (p *Process) CloseStdin() {
	p.t.Helper()
	if err := p.stdin.Close(); err != nil {
		p.t.Fatalf("Closing the standard input of the plugin: %v", err)
	}
}

// Ended reports whether the plugin has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait waits for the plugin's end. If that does not come in time the test fails,
// and the plugin is told to end, or killed if it does not listen to that either:
// a listener that is killed stays in the kernel's count.
func (p *Process) Wait(timeout time.Duration) syscall.WaitStatus {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(pace.Limit(timeout)):
		told := p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(pace.Wait(stopTimeout)):
			told = errors.Join(told, p.cmd.Process.Kill())
			<-p.exited
		}
		p.t.Fatalf("The plugin did not end within %s (ending it: %v)\n%s", timeout, told, p.Stderr())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		p.t.Errorf("Waiting for the plugin: %v", p.err)
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		p.t.Fatalf("The plugin's end is a %T", p.cmd.ProcessState.Sys())
	}
	return status
}

// Stop ends the plugin with SIGTERM.
func (p *Process) Stop() syscall.WaitStatus {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait(stopTimeout)
}
