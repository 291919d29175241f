//go:build linux

package proc_connector

import (
	"errors"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

func TestWatch(t *testing.T) {
	const (
		opening = iota
		found
		closing
	)
	trouble := errors.New("trouble")
	tests := map[string]struct {
		when    int
		finding cnproc.CheckResult
		repair  bool
		want    string // what the one line holds; empty: there is none
	}{
		"all is well":        {when: opening, finding: cnproc.CheckResult{Listening: true}},
		"gave back":          {when: opening, finding: cnproc.CheckResult{Listening: true, Released: 2}, want: "Released 2 listener(s)"},
		"claimed too much":   {when: opening, finding: cnproc.CheckResult{Listening: true, Mistaken: 1}, want: "Removed 1 lease(s)"},
		"left for later":     {when: opening, finding: cnproc.CheckResult{Listening: true, Kept: 2}, want: "Left 2 lease(s)"},
		"no lease":           {when: opening, finding: cnproc.CheckResult{Listening: true, Err: trouble}, want: "trouble"},
		"repaired at start":  {when: opening, finding: cnproc.CheckResult{Listening: true, Silenced: true, Listens: 3}, want: "its listener count 3 too low"},
		"repaired later":     {when: found, finding: cnproc.CheckResult{Listening: true, Silenced: true, Listens: 3}, want: "repaired with 3 LISTENs"},
		"repaired by others": {when: found, finding: cnproc.CheckResult{Listening: true, Silenced: true}, want: "another program has repaired it"},
		"cannot be repaired": {
			when: found, finding: cnproc.CheckResult{Silenced: true, Listens: 1024}, repair: true, want: "1024 LISTENs have not repaired it yet",
		},
		"for others too": {
			when: found, finding: cnproc.CheckResult{Listening: true, Listens: 3, Others: 2},
			want: "repaired with 3 LISTENs, 2 of them for other members",
		},
		"in a crowd": {
			when: found, finding: cnproc.CheckResult{Listening: true, Listens: 3, Crowd: true}, want: "none of them for the other members",
		},
		"still not":            {when: found, finding: cnproc.CheckResult{Listens: 1024}, repair: true},
		"must not be repaired": {when: found, finding: cnproc.CheckResult{Silenced: true}, want: "because repair = false"},
		"repaired at the end":  {when: closing, finding: cnproc.CheckResult{Listening: true, Listens: 1}, want: "its listener count 1 too low"},
		"trouble at the end":   {when: closing, finding: cnproc.CheckResult{Listening: true, Err: trouble}, want: "trouble"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log := &testutil.CaptureLogger{}
			w := &watch{log: log, repair: tt.repair}
			switch tt.when {
			case opening:
				w.opening(tt.finding)
			case found:
				w.found(tt.finding)
			case closing:
				w.closing(tt.finding)
			}
			if tt.want == "" {
				require.Empty(t, log.Messages())
				return
			}
			require.Len(t, log.Messages(), 1)
			require.Contains(t, log.Messages()[0].Text, tt.want)
		})
	}
}

// The same trouble at each gather is one line.
func TestWatchWarnsOnce(t *testing.T) {
	log := &testutil.CaptureLogger{}
	w := &watch{log: log}
	for range 3 {
		w.found(cnproc.CheckResult{Listening: true, Err: errors.New("trouble")})
	}
	require.Len(t, log.Messages(), 1)
	w.found(cnproc.CheckResult{Listening: true, Err: errors.New("more trouble")})
	w.found(cnproc.CheckResult{Listening: true})
	w.found(cnproc.CheckResult{Listening: true, Err: errors.New("trouble")})
	require.Len(t, log.Messages(), 3)
}
