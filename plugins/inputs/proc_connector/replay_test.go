//go:build linux

package proc_connector

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A replay is a host on which happens what was recorded: the session hands out recorded
// events one by one, proc is a tree of files, and the time is that of the events.
type replay struct {
	proc    string
	events  []cnproc.Event
	next    int
	now     atomic.Uint64
	stats   cnproc.Stats
	window  time.Duration  // that was asked for
	report  catcher.Report // of the catchers
	woken   chan struct{}
	closing chan struct{}
	ended   atomic.Bool
}

// newReplay has p run on a replay. Without catchers everything is read late.
func newReplay(t *testing.T, p *ProcConnector, proc string, events []cnproc.Event, catching bool) *replay {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(proc)))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "self"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "self", "stat"), nil, 0o600))
	r := &replay{
		proc: dir, events: events, stats: cnproc.Stats{Listens: 1, Events: uint64(len(events))},
		woken: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	if len(events) > 0 {
		r.now.Store(events[0].Timestamp)
	}
	p.host = &host{
		proc:  dir,
		sys:   "/sys",
		clock: clock{monotonic: r.now.Load, suspended: func() int64 { return 0 }},
		listen: func(cfg cnproc.Config) (session, error) {
			r.window = cfg.Window
			return r, nil
		},
		catch: func(catcher.Config) (catchers, error) {
			if !catching {
				return replayedCatchers{r}, errors.New("a replay without catchers")
			}
			return replayedCatchers{r}, nil
		},
		patience: time.Minute,
	}
	return r
}

func (r *replay) Read(b *cnproc.Batch, idle time.Duration) error {
	*b = cnproc.Batch{}
	if r.next < len(r.events) {
		b.Events = r.events[r.next : r.next+1]
		r.now.Store(b.Events[0].Timestamp)
		r.next++
		return nil
	}
	if idle < 0 {
		select {
		case <-r.woken:
		case <-r.closing:
			return cnproc.ErrClosed
		}
	}
	b.Until = r.now.Add(uint64(time.Millisecond + max(idle, 0)))
	return nil
}

func (r *replay) Wake() error {
	select {
	case r.woken <- struct{}{}:
	default:
	}
	return nil
}

func (r *replay) Ignore() error {
	if !r.ended.Swap(true) {
		close(r.closing)
	}
	return nil
}

func (*replay) SetWindow(time.Duration)            {}
func (*replay) Check() (cnproc.CheckResult, error) { return cnproc.CheckResult{Listening: true}, nil }
func (*replay) Opening() cnproc.CheckResult        { return cnproc.CheckResult{Listening: true} }
func (*replay) Closing() cnproc.CheckResult        { return cnproc.CheckResult{Listening: true} }
func (*replay) Listening() bool                    { return true }
func (*replay) ReceiveBuffer() int                 { return 32 << 20 }
func (r *replay) Stats() cnproc.Stats              { return r.stats }
func (*replay) TakeLag() time.Duration             { return 250 * time.Millisecond }
func (r *replay) Close() error                     { return r.Ignore() }

// replayedCatchers have read what the tree shows.
type replayedCatchers struct{ *replay }

func (c replayedCatchers) Take(_ uint32, pid int32, timestamp uint64, r *catcher.Record) bool {
	dir := filepath.Join(c.proc, strconv.Itoa(int(pid)))
	*r = catcher.Record{ReadAt: timestamp}
	for name, part := range map[string]*[]byte{"cmdline": &r.Cmdline, "status": &r.Status, "cgroup": &r.Cgroup} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
		*part = b
	}
	for name, part := range map[string]*[]byte{"exe": &r.Exe, "cwd": &r.Cwd} {
		if target, err := os.Readlink(filepath.Join(dir, name)); err == nil {
			*part = []byte(target)
		}
	}
	return true
}

func (replayedCatchers) ReadLinks(bool)                {}
func (replayedCatchers) Check() (occupied, free []int) { return nil, nil }
func (c replayedCatchers) Report() catcher.Report      { return c.report }
func (replayedCatchers) Failures() <-chan error        { return nil }
func (replayedCatchers) Release() []int                { return nil }
func (replayedCatchers) Close() error                  { return nil }
