package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A rate is how many programs a second are started one after the other, and for how long.
type rate struct{ execs, seconds int }

// Everyday rates, and one that few hosts see.
var everyday = []rate{{10, 20}, {100, 10}, {400, 5}, {1600, 3}}

// ratedRounds is how often each is measured.
const ratedRounds = 3

// A rated is what one exec costs a program at the rates: with its fork and exit, and
// what is reported of it.
type rated struct {
	key, name string
	start     func(ctx context.Context, b *bench, dir string) (pids []int, stop func() error, err error)
	costs     [][]time.Duration // of one exec: for each rate those of all rounds
}

// rates compares the plugin with others that report execs, all with what they do for
// each of them by default.
func (b *bench) rates(ctx context.Context) (_ []*rated, err error) {
	all := []*rated{
		{key: pluginKey, name: "**this plugin**", start: listener(receiver(pluginKey))},
		{key: rivalKey, name: "forkstat -r -e exec", start: listener(&Receiver{Key: rivalKey, kind: forkstat{args: []string{"-r"}}})},
	}
	if reason := auditMissing(ctx); reason == "" {
		if err := auditNothing(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, auditctl(context.WithoutCancel(ctx), "-D")) }()
		all = append(all, &rated{key: "auditd", name: "auditd and kauditd, a rule for execve", start: startAudit})
	} else {
		b.left = append(b.left, "auditd: "+reason)
	}
	for i, rate := range everyday {
		for round := range min(ratedRounds, b.Rounds) {
			for _, r := range all {
				cost, err := b.rate(ctx, r, rate)
				if err != nil {
					return nil, fmt.Errorf("%s at %d execs a second: %w", r.key, rate.execs, err)
				}
				if round == 0 {
					r.costs = append(r.costs, nil)
				}
				r.costs[i] = append(r.costs[i], cost)
				fmt.Fprintf(b.Progress, "rates round %d, %d execs a second, %s: %s an exec\n", round+1, rate.execs, r.key, cost)
			}
		}
	}
	return all, nil
}

func (b *bench) rate(ctx context.Context, r *rated, at rate) (cost time.Duration, err error) {
	dir, err := os.MkdirTemp(b.programs.dir, "rate-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	pids, stop, err := r.start(ctx, b, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	before, err := cpuTimes(pids)
	if err != nil {
		return 0, err
	}
	count := at.execs * at.seconds
	m, err := blow(ctx, b.programs, 2*time.Duration(at.seconds)*time.Second,
		[]string{"exec", "1", strconv.Itoa(count), strconv.Itoa(at.execs), "rate", b.programs.dynamic})
	if err != nil {
		return 0, err
	}
	time.Sleep(time.Second) // more than any of them waits before it goes on
	after, err := cpuTimes(pids)
	if err != nil {
		return 0, err
	}
	return (after - before) / time.Duration(m.things), nil
}

func cpuTimes(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		t, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// listener starts a receiver of the connector.
func listener(r *Receiver) func(context.Context, *bench, string) ([]int, func() error, error) {
	return func(ctx context.Context, b *bench, dir string) ([]int, func() error, error) {
		run, err := r.start(ctx, b.programs, &Storm{kinds: []string{"exec"}}, b.balance, dir)
		if err != nil {
			return nil, nil, err
		}
		return []int{run.cmd.Process.Pid}, func() error {
			_, _, err := run.stop()
			return err
		}, nil
	}
}

// auditMissing says why auditd cannot be measured here; it is empty if it can.
func auditMissing(ctx context.Context) string {
	if needs("auditd") != nil {
		return "it is not installed"
	}
	status, err := exec.CommandContext(ctx, "auditctl", "-s").CombinedOutput()
	rules, rulesErr := exec.CommandContext(ctx, "auditctl", "-l").CombinedOutput()
	switch {
	case err != nil:
		return "auditctl says " + strings.TrimSpace(string(status))
	case !bytes.Contains(status, []byte("\npid 0\n")):
		return "the machine's own is running"
	case rulesErr != nil || !bytes.HasPrefix(rules, []byte("No rules")):
		return "the machine has rules of its own, which would be lost"
	}
	return ""
}

// startAudit starts auditd, which writes execs to a file of its own.
func startAudit(ctx context.Context, _ *bench, dir string) (pids []int, stop func() error, err error) {
	kauditd, err := kernelThread("kauditd")
	if err != nil {
		return nil, nil, err
	}
	plugins := filepath.Join(dir, "plugins.d")
	config := "log_file = " + filepath.Join(dir, "audit.log") + "\nplugin_dir = " + plugins +
		"\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 100\nspace_left = 75\nadmin_space_left = 50\n"
	if err := errors.Join(os.Mkdir(plugins, 0o750), os.WriteFile(filepath.Join(dir, "auditd.conf"), []byte(config), 0o600)); err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "auditd", "-n", "-c", dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(terminate) }
	if err := auditctl(ctx, "-D"); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() error {
		// Even when it is interrupted: the kernel must not go on auditing.
		ctx := context.WithoutCancel(ctx)
		err := errors.Join(auditNothing(ctx), auditctl(ctx, "-e", "0"), cmd.Process.Signal(terminate))
		_ = cmd.Wait() //nolint:errcheck // it is ended by the signal
		return err
	}
	for deadline := time.Now().Add(readyLimit); ; time.Sleep(poll) {
		status, err := exec.CommandContext(ctx, "auditctl", "-s").Output()
		if err == nil && bytes.Contains(status, fmt.Appendf(nil, "\npid %d\n", cmd.Process.Pid)) {
			break
		}
		if time.Now().After(deadline) {
			return nil, nil, errors.Join(fmt.Errorf("auditd is not ready within %s: %s", readyLimit, out.String()), stop())
		}
	}
	if err := auditctl(ctx, "-a", "always,exit", "-F", "arch=b64", "-S", "execve"); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return []int{cmd.Process.Pid, kauditd}, stop, nil
}

// auditNothing replaces all rules by one that spares tasks that begin from now on. Without
// it, a kernel that has audited since it was booted keeps record of each system call for
// good, and those pay most for it who make the most.
func auditNothing(ctx context.Context) error {
	return errors.Join(auditctl(ctx, "-D"), auditctl(ctx, "-a", "never,task"))
}

func auditctl(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "auditctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("auditctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// kernelThread finds one by its name.
func kernelThread(name string) (pid int, err error) {
	paths, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		if comm, err := os.ReadFile(path); err == nil && string(comm) == name+"\n" {
			return strconv.Atoi(strings.Split(path, "/")[2])
		}
	}
	return 0, fmt.Errorf("no kernel thread %s", name)
}

// ofRival is what an exec costs a program, as a multiple of what it costs forkstat.
func ofRival(all []*rated, r *rated, i int) float64 {
	return median(seconds(r.costs[i])) / median(seconds(all[1].costs[i]))
}

func seconds(times []time.Duration) []float64 {
	out := make([]float64, 0, len(times))
	for _, t := range times {
		out = append(out, t.Seconds())
	}
	return out
}

func checkRates(all []*rated, fail func(string, ...any)) {
	for i, rate := range everyday[:len(all[0].costs)] {
		most := maxOfRival
		if rate.execs < 100 {
			most = maxOfRivalSlow
		}
		if of := ofRival(all, all[0], i); of > most {
			fail("at %d execs a second, one costs the plugin %.2f times what it costs forkstat, and not at most %.1f times", rate.execs, of, most)
		}
	}
}

func writeRates(out *strings.Builder, all []*rated) {
	out.WriteString("\nProcessor time for one /bin/true, its fork, exec and exit and what is reported of it, in microseconds: " +
		"median of the rounds, started one after the other, and of forkstat's:\n\n")
	header, rule := make([]string, 1, 1+len(everyday)), []string{"---", "--:", "--:", "--:", "--:"}
	for _, rate := range everyday {
		header = append(header, thousands(float64(rate.execs))+" a second")
	}
	writeRow(out, header...)
	writeRow(out, rule...)
	for _, r := range all {
		cells := append(make([]string, 0, 1+len(everyday)), r.name)
		for i := range everyday {
			cells = append(cells, fmt.Sprintf("%.0f (%.2f ×)", 1e6*median(seconds(r.costs[i])), ofRival(all, r, i)))
		}
		writeRow(out, cells...)
	}
}
