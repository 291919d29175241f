package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

const terminate = syscall.SIGTERM

const (
	// readyLimit bounds how long a receiver may take to listen, and endLimit how
	// long to end: all processors may be busy with something else.
	readyLimit = 30 * time.Second
	endLimit   = 30 * time.Second
	// quietTime is for how long a receiver must have done next to nothing to have
	// done with a storm, and quietLimit bounds the wait for that.
	quietTime  = 150 * time.Millisecond
	quietLimit = time.Minute
	// deafTime is the same for one that leaves its queue as it is.
	deafTime = 600 * time.Millisecond
)

// running is a receiver that the kernel counts.
type running struct {
	receiver *Receiver
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	stdout   *output.Output
	stderr   *output.Output
	ended    chan struct{}
	err      error // of Wait, once ended is closed
	balance  *balance
	members  int // of the group, before it
}

// start runs a receiver and waits until the kernel counts it.
func (r *Receiver) start(ctx context.Context, p *Programs, s *Storm, b *balance, dir string) (*running, error) {
	cmd, err := r.kind.command(ctx, p, s, dir)
	if err != nil {
		return nil, err
	}
	run := &running{receiver: r, cmd: cmd, stdout: output.New(), stderr: output.New(), ended: make(chan struct{}), balance: b}
	cmd.Stdout, cmd.Stderr = run.stdout, run.stderr
	// When the benchmark is interrupted, a receiver that can give its LISTEN back
	// must: by SIGTERM, and not by the SIGINT of a terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(terminate) }
	cmd.WaitDelay = endLimit
	if run.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if run.members, err = rawlisten.Members(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		run.err = cmd.Wait()
		run.stdout.End()
		run.stderr.End()
		close(run.ended)
	}()

	if err := run.listens(); err != nil {
		_, _, stopErr := run.stop()
		return nil, fmt.Errorf("%s: %w", r.Key, errors.Join(err, stopErr))
	}
	return run, nil
}

// listens waits until the receiver is ready.
func (r *running) listens() error {
	listens, err := r.balance.await(1, readyLimit)
	switch {
	case err != nil:
		return err
	case !listens:
		return fmt.Errorf("the kernel does not count it as a listener within %s: %s", readyLimit, r.stderr.Since(0))
	}
	if err := r.ask(); err != nil {
		return err
	}
	return r.quiet()
}

// ask has the plugin report its counters, and does nothing to others.
func (r *running) ask() error {
	if _, ok := r.receiver.kind.(pluginKind); !ok {
		return nil
	}
	from := r.stdout.Len()
	if _, err := io.WriteString(r.stdin, "\n"); err != nil {
		return err
	}
	at, err := r.stdout.Wait(from, "proc_connector_listener ", readyLimit)
	if err == nil {
		_, err = r.stdout.Wait(at, "\n", readyLimit)
	}
	if err != nil {
		return fmt.Errorf("no report of the plugin: %w\n%s", err, r.stderr.Since(0))
	}
	return nil
}

// quiet waits until the receiver has nothing left to do: its queue is empty, and
// it has hardly run for a while. One that has given up has a queue that stays as
// it is.
func (r *running) quiet() error {
	const hardly = time.Millisecond
	pid := r.cmd.Process.Pid
	last, err := cpuTime(pid)
	if err != nil {
		return err
	}
	since := time.Now()
	for deadline := time.Now().Add(quietLimit); time.Now().Before(deadline); time.Sleep(4 * poll) {
		cpu, err := cpuTime(pid)
		if err != nil {
			return err
		}
		q, err := readQueue(pid)
		if err != nil {
			return err
		}
		if cpu-last > hardly {
			last, since = cpu, time.Now()
			continue
		}
		calm := time.Since(since)
		if calm >= deafTime || calm >= quietTime && q.waiting == 0 {
			return nil
		}
	}
	// Background load may keep it busy, which is no reason to give up.
	return nil
}

// stop ends the receiver, and returns what it printed and how much it left in the
// kernel's count, which is as before then.
func (r *running) stop() (printed string, left int32, err error) {
	if err := r.cmd.Process.Signal(terminate); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", 0, err
	}
	select {
	case <-r.ended:
	case <-time.After(endLimit):
		err = errors.Join(fmt.Errorf("%s did not end within %s", r.receiver.Key, endLimit), r.cmd.Process.Kill())
		<-r.ended
	}
	left, restoreErr := r.balance.restore(r.members)
	if err := errors.Join(err, restoreErr); err != nil {
		return "", left, err
	}
	// Some end by the signal itself, and the plugin with a status that says so.
	var exit *exec.ExitError
	if r.err != nil && !errors.As(r.err, &exit) {
		return "", left, r.err
	}
	if text := strings.TrimSpace(r.stderr.Since(0)); exit != nil && exit.ExitCode() == 1 {
		return "", left, fmt.Errorf("%s ended with %w: %s", r.receiver.Key, exit, text)
	}
	return r.stdout.Since(0), left, nil
}
