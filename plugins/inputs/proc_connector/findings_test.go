//go:build linux

package proc_connector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/series"
)

const margin = uint64(lookMargin)

// A record keeps what was resolved.
type record struct {
	execs []execEvent
	exits []int32
}

func (r *record) resolve(f *finding) {
	if f.execed {
		r.execs = append(r.execs, *f.exec)
	} else {
		r.exits = append(r.exits, f.pid)
	}
}

// anExec returns what is held of an exec that is to be reported.
func anExec(ev *execEvent) finding { return finding{exec: ev, series: new(series.Series)} }

func TestExitIsHeld(t *testing.T) {
	tests := map[string]struct {
		then  func(f *findings) *ending
		fork  bool
		exits []int32
	}{
		"nothing contradicts": {
			then:  func(*findings) *ending { return nil },
			exits: []int32{7},
		},
		"another thread called exec: the process lives on": {
			then: func(f *findings) *ending { f.exec(7, 900); return nil },
		},
		"the id is given to another: that is its end, at once": {
			then: func(f *findings) *ending { end, _ := f.fork(1, 7, 900); return end },
			fork: true,
		},
		"another process's exec": {
			then:  func(f *findings) *ending { f.exec(8, 900); return nil },
			exits: []int32{7},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r record
			f := newFindings(r.resolve)
			f.addExit(1000, &ending{pid: 7, status: 0x300})
			f.passed(1000 + margin)
			require.Empty(t, r.exits)

			end := tt.then(&f)
			require.Equal(t, tt.fork, end != nil)
			if end != nil {
				require.Equal(t, 3, end.status.Code())
			}
			f.passed(1000 + margin + 1)
			require.Equal(t, tt.exits, r.exits)
			require.Empty(t, f.exits)
			require.Zero(t, f.len())
		})
	}
}

func TestExecIsHeld(t *testing.T) {
	tests := map[string]struct {
		then func(f *findings)
		gone bool
	}{
		"nothing contradicts":                        {then: func(*findings) {}},
		"it had called exec again before the look":   {then: func(f *findings) { f.exec(7, 900) }, gone: true},
		"it was about to when it was looked at":      {then: func(f *findings) { f.exec(7, 1000+margin-1) }, gone: true},
		"it calls exec later":                        {then: func(f *findings) { f.exec(7, 1000+margin) }},
		"its id was another's when it was looked at": {then: func(f *findings) { f.fork(1, 7, 900) }, gone: true},
		"its id is another's later":                  {then: func(f *findings) { f.fork(1, 7, 1000+margin) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r record
			f := newFindings(r.resolve)
			f.addExec(7, 1000, anExec(&execEvent{pid: 7, ppid: 1, command: "sleep", arguments: []byte("sleep 1"), exe: "/bin/sleep", cwd: "/"}))
			tt.then(&f)
			f.passed(2000 + margin)

			want := execEvent{pid: 7, ppid: 1, command: "sleep", arguments: []byte("sleep 1"), exe: "/bin/sleep", cwd: "/"}
			if tt.gone {
				want = execEvent{pid: 7, ppid: 1, command: series.Unknown, gone: true}
			}
			require.Equal(t, []execEvent{want}, r.execs)
			require.Empty(t, f.execs)
			require.Zero(t, f.bytes)
		})
	}
}

// Of two execs, only the first is in doubt.
func TestChainOfExecs(t *testing.T) {
	var r record
	f := newFindings(r.resolve)
	f.addExec(7, 1000, anExec(&execEvent{command: "env"}))
	f.exec(7, 950)
	f.addExec(7, 1100, anExec(&execEvent{command: "sleep"}))
	f.flush()
	require.True(t, r.execs[0].gone)
	require.False(t, r.execs[1].gone)
}

func TestFindingsAreBounded(t *testing.T) {
	var r record
	f := newFindings(r.resolve)
	for i := range int32(maxFindings + 10) {
		f.addExit(1000, &ending{pid: i})
	}
	require.Equal(t, maxFindings, f.len())
	require.Len(t, r.exits, 10)

	line := string(make([]byte, queueBytes/4))
	f = newFindings(r.resolve)
	for i := range int32(6) {
		f.addExec(i, 1000, anExec(&execEvent{arguments: []byte(line)}))
	}
	require.Equal(t, 4, f.len())
	require.Len(t, r.execs, 2)
	require.LessOrEqual(t, f.bytes, queueBytes)
}

// Whatever comes, each finding is resolved once at most, in order, and nothing
// is left behind.
func TestFindingsKeepTheirBooks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var r record
		f := newFindings(r.resolve)
		var now uint64
		added, settled := 0, 0
		for range 300 {
			now += rnd.Uint64N(margin / 2)
			pid := int32(rnd.IntN(5))
			switch rnd.IntN(4) {
			case 0:
				f.addExec(pid, now, anExec(&execEvent{pid: pid}))
				added++
			case 1:
				if _, held := f.exits[pid]; !held { // an id ends once
					f.addExit(now, &ending{pid: pid})
					added++
				}
			case 2:
				if _, held := f.exits[pid]; held {
					settled++
				}
				if rnd.IntN(2) == 0 {
					f.exec(pid, now)
				} else {
					f.fork(1, pid, now)
				}
			default:
				f.passed(now)
			}
			require.LessOrEqual(t, len(f.execs)+len(f.exits), f.len())
			for pid, n := range f.exits {
				require.Equal(t, pid, f.at(n).pid)
				require.False(t, f.at(n).execed)
			}
			for pid, n := range f.execs {
				require.Equal(t, pid, f.at(n).pid)
				require.True(t, f.at(n).execed)
			}
		}
		f.flush()
		require.Equal(t, added, len(r.execs)+len(r.exits)+settled)
		require.Empty(t, f.execs)
		require.Empty(t, f.exits)
		require.Zero(t, f.bytes)
	}
}
