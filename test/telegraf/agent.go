package telegraf

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/state"
)

// Lines that Telegraf writes to its log (cmd/telegraf/telegraf.go, agent/agent.go).
const (
	logReloading = "Reloading Telegraf config"
	logRunning   = "[agent] Config: "
)

const (
	startTimeout = 20 * time.Second
	// An execd plugin that does not listen is given 5 s, and 5 s more after
	// SIGTERM (plugins/inputs/execd, internal/process).
	stopTimeout = 20 * time.Second
)

// Agent is a running Telegraf. Its methods fail the test that started it, so
// they must be called from that test's goroutine.
//
// Nothing that the configuration sets may take the log away from standard error:
// no "quiet" and no "logfile".
type Agent struct {
	t      testing.TB
	cmd    *exec.Cmd
	log    *output.Output
	stdout *output.Output
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

// Option changes how Start runs the agent.
type Option func(*options)

type options struct {
	cmd    *exec.Cmd
	state  string
	noWait bool
}

// Command lets a test change the command before it runs: arguments, environment,
// credentials, namespaces.
func Command(change func(*exec.Cmd)) Option {
	return func(o *options) { change(o.cmd) }
}

// Program runs another agent than that of Build.
func Program(path string) Option {
	return Command(func(cmd *exec.Cmd) { cmd.Path, cmd.Args[0] = path, path })
}

// StateDir has the plugin keep its leases in the directory, and not in one that no
// other agent's knows.
func StateDir(dir string) Option {
	return func(o *options) { o.state = dir }
}

// NoWait makes Start return at once, for an agent that is expected to fail. A
// signal may then reach an agent that does not handle it yet.
func NoWait() Option {
	return func(o *options) { o.noWait = true }
}

// Start runs the agent with the configuration file and waits until it has read
// it. The inputs start right after that. When the test ends the agent is stopped,
// unless it has ended.
func Start(t testing.TB, configPath string, opts ...Option) *Agent {
	t.Helper()
	a := &Agent{
		t:      t,
		cmd:    exec.Command(Build(t), "--config", configPath),
		log:    output.New(),
		stdout: output.New(),
		exited: make(chan struct{}),
	}
	a.cmd.Stderr = a.log
	a.cmd.Stdout = a.stdout
	// A child that outlives the agent with our pipes in its hands must not keep
	// us waiting.
	a.cmd.WaitDelay = 5 * time.Second
	o := options{cmd: a.cmd}
	for _, opt := range opts {
		opt(&o)
	}
	if o.state == "" {
		o.state = state.Dir(t)
	}
	// What the agent starts inherits it.
	state.Use(a.cmd, o.state)

	if err := a.cmd.Start(); err != nil {
		t.Fatalf("Starting Telegraf: %v", err)
	}
	go func() {
		a.err = a.cmd.Wait()
		a.log.End()
		a.stdout.End()
		close(a.exited)
	}()
	t.Cleanup(func() {
		// The agent may have ended already, or do so just now.
		if err := a.cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			a.Wait(stopTimeout)
		}
	})

	if !o.noWait {
		a.WaitLog(logRunning, startTimeout)
	}
	return a
}

// Pid returns the agent's process id.
func (a *Agent) Pid() int { return a.cmd.Process.Pid }

// Log returns what the agent has logged so far.
func (a *Agent) Log() string { return a.log.Since(0) }

// Stdout returns what the agent has written to its standard output so far: the
// metrics, when outputs.file writes to "stdout".
func (a *Agent) Stdout() string { return a.stdout.Since(0) }

// WaitLog waits until the substring is anywhere in the log, and fails the test
// when it is not there in time or the agent ends without it.
func (a *Agent) WaitLog(substring string, timeout time.Duration) {
	a.t.Helper()
	a.waitFor("log", a.log, 0, substring, timeout)
}

// WaitStdout is WaitLog for the standard output.
func (a *Agent) WaitStdout(substring string, timeout time.Duration) {
	a.t.Helper()
	a.waitFor("standard output", a.stdout, 0, substring, timeout)
}

// waitFor returns the position after the substring.
func (a *Agent) waitFor(name string, out *output.Output, from int, substring string, timeout time.Duration) int {
	a.t.Helper()
	pos, err := out.Wait(from, substring, pace.Wait(timeout))
	if err != nil {
		a.t.Fatalf("No %q in the %s of Telegraf: %v\n%s", substring, name, err, a.dump())
	}
	return pos
}

// Reload has the agent read its configuration again and restart its plugins, and
// waits until it runs anew.
func (a *Agent) Reload() {
	a.t.Helper()
	from := a.log.Len()
	a.signal(syscall.SIGHUP)
	from = a.waitFor("log", a.log, from, logReloading, stopTimeout)
	a.waitFor("log", a.log, from, logRunning, stopTimeout+startTimeout)
}

// Stop sends the signal and waits for the agent's end. An agent that does not
// end in time is killed and fails the test.
func (a *Agent) Stop(sig os.Signal) *os.ProcessState {
	a.t.Helper()
	a.signal(sig)
	return a.Wait(stopTimeout)
}

// Kill ends the agent with SIGKILL and waits for its end. What the agent started
// lives on, until it sees for itself that the agent is gone.
func (a *Agent) Kill() *os.ProcessState {
	a.t.Helper()
	return a.Stop(syscall.SIGKILL)
}

// Wait waits for the agent's end, as Stop does.
func (a *Agent) Wait(timeout time.Duration) *os.ProcessState {
	a.t.Helper()
	select {
	case <-a.exited:
	case <-time.After(pace.Wait(timeout)):
		dump := a.dump()
		killed := a.cmd.Process.Kill()
		<-a.exited
		a.t.Fatalf("Telegraf did not end within %s (kill: %v)\n%s", timeout, killed, dump)
	}
	var exit *exec.ExitError
	if a.err != nil && !errors.As(a.err, &exit) {
		a.t.Errorf("Waiting for Telegraf: %v", a.err)
	}
	return a.cmd.ProcessState
}

func (a *Agent) signal(sig os.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(sig); err != nil {
		a.t.Fatalf("Sending %s to Telegraf: %v\n%s", sig, err, a.dump())
	}
}

func (a *Agent) dump() string {
	var b strings.Builder
	b.WriteString("--- log\n")
	b.WriteString(a.Log())
	if out := a.Stdout(); out != "" {
		b.WriteString("--- standard output\n")
		b.WriteString(out)
	}
	return b.String()
}
