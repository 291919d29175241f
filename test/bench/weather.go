package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// made is what a storm did.
type made struct {
	things int
	took   time.Duration
	cpu    time.Duration // of the storm and its children
	lines  map[int]string
	texts  []string // command lines, in the order of no importance
}

// blow runs a storm to its end. The tag is in each command line, so that one storm
// is not taken for another.
func (s *Storm) blow(ctx context.Context, p *Programs, n sizes, tag string) (*made, error) {
	args := s.args(n)
	if s.execs() {
		args = append(args, tag, s.command(p))
	}
	return blow(ctx, p, s.limit(), args)
}

// blow runs the program storm, with a limit in whole seconds.
func blow(ctx context.Context, p *Programs, limit time.Duration, args []string) (*made, error) {
	cmd := exec.CommandContext(ctx, p.storm, append([]string{strconv.Itoa(int(limit.Seconds()))}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("storm %s: %w", strings.Join(args, " "), err)
	}
	m := &made{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), lines: make(map[int]string)}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "made":
			m.things, err = strconv.Atoi(value)
		case "seconds":
			var seconds float64
			seconds, err = strconv.ParseFloat(value, 64)
			m.took = time.Duration(seconds * float64(time.Second))
		case "exec":
			pid, text, _ := strings.Cut(value, " ")
			var id int
			id, err = strconv.Atoi(pid)
			m.lines[id] = text
			m.texts = append(m.texts, text)
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return nil, fmt.Errorf("storm printed %q: %w", line, err)
		}
	}
	if m.things == 0 || m.took == 0 {
		return nil, fmt.Errorf("storm did not say what it has done, but %q", out)
	}
	return m, nil
}

// busyProcessors keeps all processors busy until the returned function is called.
func busyProcessors(ctx context.Context, processors int) (stop func() error, err error) {
	cmd := exec.CommandContext(ctx, "stress-ng", "--quiet", "--cpu", strconv.Itoa(processors))
	cmd.Cancel = func() error { return cmd.Process.Signal(terminate) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// Its workers are processes of their own, which are there shortly.
	time.Sleep(time.Second)
	return func() error {
		if err := cmd.Process.Signal(terminate); err != nil {
			return err
		}
		// It ends with a status that says that it was told to.
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			return err
		}
		return nil
	}, nil
}
