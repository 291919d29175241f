package benchexecd

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	feedSeconds = 10
	// feedFrom and feedTo are rates between which dropping begins on any machine.
	feedFrom = 2_000
	feedTo   = 1_000_000
	// feedPrecision is up to which part of a rate it is found out.
	feedPrecision = 0.1
)

// More execs than a machine could start are fed into the plugin's queue, as the
// collector does it, to find the rate at which the queue overflows because what
// comes after it is too slow: rendering the metric, the pipe, Telegraf, its file.
func BenchmarkFeed(b *testing.B) {
	for b.Loop() {
		low, high := float64(feedFrom), float64(feedTo)
		for rate := 4 * low; high/low > 1+feedPrecision; rate = next(low, high) {
			if feed(b, int(rate)) == 0 {
				low = rate
			} else {
				high = rate
			}
		}
		require.Greater(b, low, float64(feedFrom), "the slowest rate is not dropped")
		require.Less(b, high, float64(feedTo), "the fastest rate is dropped")
		b.ReportMetric(low, "metrics/s")
	}
}

// next is the rate to try: twice the last that went well until one does not, and
// halfway after that.
func next(low, high float64) float64 {
	if high == feedTo {
		return min(2*low, high-1)
	}
	return (low + high) / 2
}

var fed = regexp.MustCompile(`Fed (\d+) execs in \S+, dropped (\d+)`)

// feed returns how many of the execs at a rate were dropped.
func feed(b *testing.B, rate int) (dropped int64) {
	b.Helper()
	variable, _ := profile(b, "feed-"+strconv.Itoa(rate))
	r := start(b, "[feed] Feeding", variable,
		fmt.Sprintf("PROC_CONNECTOR_FEED_RATE=%d", rate), fmt.Sprintf("PROC_CONNECTOR_FEED_DURATION=%ds", feedSeconds))
	r.agent.WaitLog(" dropped ", (feedSeconds+60)*time.Second)
	said := fed.FindStringSubmatch(r.agent.Log())
	require.Len(b, said, 3)
	execs, err := strconv.ParseInt(said[1], 10, 64)
	require.NoError(b, err)
	dropped, err = strconv.ParseInt(said[2], 10, 64)
	require.NoError(b, err)

	r.wait(func(line []byte) bool { return bytes.Contains(line, []byte(",command=worker ")) }, execs-dropped)
	pluginCPU, agentCPU := r.spent()
	took := time.Since(r.started)
	r.end()
	require.Equal(b, execs-dropped, r.execs, "what was not dropped has arrived")
	b.Logf("%7d a second: %d dropped, %d arrived in %.1f s; CPU time a metric: plugin %.1f µs, Telegraf %.1f µs",
		rate, dropped, r.execs, took.Seconds(), perMetric(pluginCPU, execs), perMetric(agentCPU, r.execs))
	return dropped
}
