package benchexecd

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/execd"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

const (
	stormParents = 4
	stormSeconds = 20
)

// Programs that are started at full speed: each of them is to be found in the
// file that Telegraf writes. A metric that says no more than that its process was
// gone has arrived as well; how many processes can be read in time is another
// matter (make bench).
func BenchmarkStorm(b *testing.B) {
	listeners.Guard(b)
	program, storm := nothing(b), workload.Build(b)
	variable, path := profile(b, "storm")
	for b.Loop() {
		r := start(b, execd.Listens, variable)
		parents := make([]*exec.Cmd, stormParents)
		said := make([]strings.Builder, stormParents)
		began := time.Now()
		for i := range parents {
			parents[i] = exec.Command(storm, "storm", strconv.Itoa(stormSeconds), program)
			parents[i].Stdout = &said[i]
			require.NoError(b, parents[i].Start())
		}
		var made int64
		for i, parent := range parents {
			require.NoError(b, parent.Wait())
			n, err := strconv.ParseInt(strings.TrimSpace(said[i].String()), 10, 64)
			require.NoError(b, err)
			made += n
		}
		took := time.Since(began)
		// One that was gone has no name, and one whose fork was read later than its
		// exec has no parent either.
		ours := func(line []byte) bool {
			return !bytes.Contains(line, []byte(",ppid=")) || slices.ContainsFunc(parents, func(parent *exec.Cmd) bool {
				return bytes.Contains(line, fmt.Appendf(nil, ",ppid=%di,", parent.Process.Pid))
			})
		}
		r.wait(ours, made)
		pluginCPU, agentCPU := r.spent()
		// The counters of after the storm.
		for deadline := time.Now().Add(settle); ; time.Sleep(100 * time.Millisecond) {
			r.read(ours)
			if r.listener != nil && r.listener.Time().After(began.Add(took)) {
				break
			}
			require.True(b, time.Now().Before(deadline), "the plugin reports")
		}
		r.end()

		dropped, lost := plugin.Int(r.listener, "events_dropped"), plugin.Int(r.listener, "lost")
		b.Logf("%d execs in %.1f s, %d arrived (%d of them gone before they could be read), %d dropped, %d events lost in the kernel",
			made, took.Seconds(), r.execs, r.gone, dropped, lost)
		b.Logf("Profile of the plugin: %s", path)
		b.ReportMetric(float64(made)/took.Seconds(), "execs/s")
		b.ReportMetric(float64(dropped), "dropped")
		b.ReportMetric(perMetric(pluginCPU, r.execs), "plugin-µs/exec")
		b.ReportMetric(perMetric(agentCPU, r.execs), "telegraf-µs/exec")
		require.Zero(b, dropped)
		require.Zero(b, lost)
		require.GreaterOrEqual(b, r.execs, made)
	}
}
