package e2e_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/rawlisten"
)

// counts are fields of the measurement proc_connector. One that is not there is 0.
type counts map[string]int64

// counterFields are those that a workload moves.
var counterFields = []string{
	"forks", "execs", "exits", "exits_failed", "exits_signaled", "coredumps", "uid_changes", "gid_changes",
	"sessions", "ptrace_attaches", "ptrace_detaches", "renames",
}

// since returns by how much the counters of a report exceed those of an earlier
// one.
func since(before, after plugin.Report) counts {
	c := make(counts)
	for _, field := range counterFields {
		if n := plugin.Int(after.Counters, field) - plugin.Int(before.Counters, field); n != 0 {
			c[field] = n
		}
	}
	return c
}

func (c counts) plus(other counts) counts {
	sum := make(counts)
	for _, field := range counterFields {
		if n := c[field] + other[field]; n != 0 {
			sum[field] = n
		}
	}
	return sum
}

// windowLimit is how long a test looks for a moment in which no other program on
// the machine does what is counted.
const windowLimit = 20 * time.Second

// settleTime is how long the plugin may take to count a process that has ended
// before its eyes: when its first thread was not the last, it has to look again.
const settleTime = 25 * time.Millisecond

// requireCounts fails the test unless the plugin counts exactly what the workload
// does. Its counters are the machine's, so a witness that shares no code with
// the plugin watches too, and what others do in the meantime leads to another
// try. Where others never rest, at least nothing is missing, and not more is
// there than what the witness has seen of them.
//
// The workload may return a further check, to be made if it was alone.
func requireCounts(t *testing.T, p *plugin.Process, want counts, workload func(soFar func() counts) (further func())) {
	t.Helper()
	// The last event of all is a program of our own, so that those of the
	// workload have been counted when that program's have.
	want = want.plus(counts{"forks": 1, "execs": 1, "exits": 1})

	deadline := time.Now().Add(pace.Limit(windowLimit))
	for try := 1; ; try++ {
		w := watch(t, p.Pid())
		before := settled(t, p)
		further := workload(func() counts { return since(before, p.Gather()) })
		p.WaitExec(check.TrueOnce(t), 5*time.Second)
		got := since(before, p.Gather())
		for end := time.Now().Add(pace.Wait(2 * time.Second)); got["exits"] < want["exits"] && time.Now().Before(end); {
			time.Sleep(check.Poll)
			got = since(before, p.Gather())
		}

		if foreign := w.end(); foreign > 0 {
			if time.Now().After(deadline) {
				t.Logf("others were active in each of %d tries, at last in %d events", try, foreign)
				for _, field := range counterFields {
					require.GreaterOrEqual(t, got[field], want[field], field)
					require.LessOrEqual(t, got[field], want[field]+int64(foreign), field)
				}
				return
			}
			// The plugin looks ever more rarely at a process whose first thread
			// has ended, and none of this try must be counted in the next.
			time.Sleep(pace.Limit(500 * time.Millisecond))
			continue
		}
		require.Equal(t, want, got, "try %d", try)
		if further != nil {
			further()
		}
		return
	}
}

// settled returns a report once the plugin has counted what was before: an exec of
// now has come, which was behind it in the queue, and nothing comes after that.
func settled(t *testing.T, p *plugin.Process) plugin.Report {
	t.Helper()
	p.WaitExec(check.TrueOnce(t), 5*time.Second)
	r := p.Gather()
	for end := time.Now().Add(pace.Limit(windowLimit)); time.Now().Before(end); {
		earlier := r
		time.Sleep(pace.Limit(settleTime))
		if r = p.Gather(); len(since(earlier, r)) == 0 {
			break
		}
	}
	return r
}

// witness receives what the plugin does. Its membership alone is enough, since
// the plugin listens.
type witness struct {
	t    *testing.T
	conn *rawlisten.Conn
	// threadsOf are processes whose threads may come and go.
	threadsOf map[uint32]bool
}

func watch(t *testing.T, pluginPid int) *witness {
	t.Helper()
	c, err := rawlisten.Dial()
	require.NoError(t, err)
	return &witness{t: t, conn: c, threadsOf: map[uint32]bool{uint32(os.Getpid()): true, uint32(pluginPid): true}}
}

// end returns how many events concern neither a process that this test has started
// since watch, nor a descendant of one. Of threads, it is their end that may be
// the end of a process.
func (w *witness) end() int {
	w.t.Helper()
	foreign, family := 0, make(map[uint32]bool)
	own := uint32(os.Getpid())
	for {
		ev, ok := w.conn.Receive()
		if !ok {
			break
		}
		// Pid and tgid of the task: a process, unless they differ.
		pid, tgid := ev.Data[0], ev.Data[1]
		if ev.What == rawlisten.EventFork {
			parent := tgid
			pid, tgid = ev.Data[2], ev.Data[3]
			if pid == tgid && (parent == own || family[parent]) {
				family[tgid] = true
			}
		}
		switch {
		case ev.What == rawlisten.EventNone, family[tgid]:
		case pid == tgid, ev.What == rawlisten.EventExit && !w.threadsOf[tgid]:
			foreign++
		}
	}
	if w.conn.Overran() {
		foreign++
	}
	require.NoError(w.t, w.conn.Close())
	return foreign
}
